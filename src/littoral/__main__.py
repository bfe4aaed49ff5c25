"""``python -m littoral`` is ``littoral``."""

from littoral.cli import main

if __name__ == "__main__":
    main()
