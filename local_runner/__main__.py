"""Owns `python -m local_runner`."""

import sys

from local_runner.cli import main

if __name__ == "__main__":
    sys.exit(main())
