"""Say for each op that could be INT8 what became of it, why, and what would change it."""
