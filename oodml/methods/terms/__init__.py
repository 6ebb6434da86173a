"""Summands of losses, one file each."""
