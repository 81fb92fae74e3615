"""Language models: where they come from, whether they are whole, loading them, reading texts."""
