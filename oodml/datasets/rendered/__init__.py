"""Data sets rendered on this machine from fonts and icon packages, one file each."""
