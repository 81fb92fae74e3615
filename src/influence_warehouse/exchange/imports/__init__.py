"""Results of others as studies of their own: reading, checking, and writing them as facts."""
