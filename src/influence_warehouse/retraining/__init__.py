"""Retraining: models trained again without some documents, the gold standard of influence."""
