"""Releases: a study as a folder that others can check, read, take in and compare."""
