"""How a step is made, whatever it makes: the table of steps, running one, its state, its workers.

Does not belong here: what a step computes; the stages do, and steps name them.
"""
