"""Stage 2: documents become a stratified, deterministic sampling manifest."""
