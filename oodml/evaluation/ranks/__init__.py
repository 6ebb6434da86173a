"""Exact ranks of all positives: the stored table that every retrieval metric is derived from."""
