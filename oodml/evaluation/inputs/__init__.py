"""What evaluation is given, checked: vectors, labels, ids, and who is whose positive."""
