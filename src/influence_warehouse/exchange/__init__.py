"""Studies in and out: scores of other tools (`imports`), releases to publish (`releases`)."""
