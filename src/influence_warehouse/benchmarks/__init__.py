"""Stage 3: benchmark items become prompts and completions, with the base model's predictions."""
