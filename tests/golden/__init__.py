"""A study of seconds whose facts may change only with the version of the step that makes them."""
