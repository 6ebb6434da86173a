"""Lists of nearest neighbours, exact for a few and approximate for many, and metrics from them."""
