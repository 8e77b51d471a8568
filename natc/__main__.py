"""``python -m natc``."""

from natc.cli import main

main()
