"""The `bench` command, also as `python -m bench`."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from bench.cli import main


def command() -> NoReturn:
    """Call `main` and end the process at once: to free torch and pandas piece by piece takes almost a second."""
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    atexit._run_exitfuncs()  # noqa: SLF001  # what others have registered, joblib among them
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    command()
