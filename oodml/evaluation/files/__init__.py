"""Files that are exchanged: embeddings, pairs, stored ranks."""
