"""What a study may say: the sections of its YAML file, their rules, and the names of studies."""
