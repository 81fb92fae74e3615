"""Stage 4: documents are scored against benchmark queries by Bergson, shard by shard."""
