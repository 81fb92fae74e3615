"""The demo's world: documents, items and a model whose truth is known; only grading reads it."""
