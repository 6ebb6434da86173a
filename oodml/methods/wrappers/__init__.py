"""Wrappers, one file each: what can be put around any method whose parts allow it."""
