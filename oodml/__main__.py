"""``python -m oodml``."""

from oodml.cli import main

if __name__ == "__main__":
    main()
