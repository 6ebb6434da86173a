"""Layouts of files users have on disk, one file each."""
