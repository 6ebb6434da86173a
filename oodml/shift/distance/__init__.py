"""Class means and the Fréchet distance of a partition from their Gram matrix."""
