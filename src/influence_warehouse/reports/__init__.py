"""Stage 7: charts as pure functions of tables. (Stage 6, unlearning, is not built yet.)"""
