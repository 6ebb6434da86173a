"""What every room stands on: errors, names, registries, parameters, hashes, safe files, tables,
figures, threads, progress.

Imports nothing from the other rooms.
"""
