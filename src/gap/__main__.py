"""``python -m gap``: the command line, where the script ``gap`` is not installed."""

from gap.cli.main import main

if __name__ == "__main__":
    main()
