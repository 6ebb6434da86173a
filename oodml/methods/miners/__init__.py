"""Which pairs and triplets of a batch a loss sees, one rule a file."""
