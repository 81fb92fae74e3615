"""Language models: where they come from, whether they are whole, loading them, reading texts.

Does not belong here: training (`planted`, `unlearning`) and scoring (`benchmarks`, `attribution`).
"""
