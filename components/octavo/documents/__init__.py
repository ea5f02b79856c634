"""What steps write for each other and for people: one typed document a wire format."""
