"""Facts on disk: what they hold (contracts), how they are written, named and guarded.

Belongs here: Parquet, fingerprints, checksums, the layout of a study's home, records of what was
made. Does not belong here: which step makes a fact (`pipeline`), what a study may say (`study`).
"""
