"""Heads: what stands on the trunk and gives the embedding."""
