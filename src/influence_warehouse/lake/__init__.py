"""Facts on disk: what they hold (contracts), how they are written, named and guarded.

Belongs here: Parquet, fingerprints, checksums, the layout of a study's home, records of what was
made.
"""
