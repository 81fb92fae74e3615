"""Releases: a study as a folder that others can check, read, take in and compare."""

# Far above a release without texts; who expects more raises it.
MAX_GIGABYTES = 16.0
