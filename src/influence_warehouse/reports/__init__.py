"""Stage 7: charts as pure functions of tables."""
