"""Unlearning: make the model forget chosen regions and record what it loses."""
