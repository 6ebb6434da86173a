"""Ways to count the negatives above a threshold; all give the same numbers."""
