"""Stage 1: input files or hub datasets become the `documents` fact."""
