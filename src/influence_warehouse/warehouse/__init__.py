"""Stage 5: resampling facts, the dbt build, the published read-only copy and queries on it."""
