"""Batch rules, one file each: which items an update sees, and in which roles."""
