"""The ladder: what it is, its rules, its file."""
