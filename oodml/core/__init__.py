"""What every room stands on: errors, registries, hashes, safe files, progress.

Imports nothing from the other rooms.
"""
