"""One file a backbone; each registers itself."""
