"""`errand`: what people and operators do, from a terminal or a script."""
