"""Recipes of training views, one file each."""
