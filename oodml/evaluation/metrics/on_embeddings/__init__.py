"""Metrics that need the vectors: clustering quality and geometry."""
