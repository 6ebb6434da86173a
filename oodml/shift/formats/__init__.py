"""Split files of other projects: read them in, write them out."""
