"""Find in a compiled pipeline what compiles and then fails, or harms, on a cluster."""
