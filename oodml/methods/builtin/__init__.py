"""One file a family of methods; each method registers itself."""
