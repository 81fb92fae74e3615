"""Orchestration: the library's stages as Dagster assets. Thin: no computing is done here."""
