"""The command line as a process: ``python -m natc``, and the ``natc`` that is installed."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    # A command makes a million objects, keeps most of them, and ends: collecting would only walk them.
    # Before the imports, of which it takes a twentieth.
    gc.disable()
    from natc.cli import main as run

    run()


if __name__ == "__main__":
    main()
