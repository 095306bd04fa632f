"""Signals that arrive during an import, when native code may swallow the exception or abort the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from bench.cli.signals import IMPORT_PATIENCE

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="without alarms, signals raise immediately")

SCRIPT = dedent("""
    import signal
    from bench.cli import signals
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, even if it is by the parent process
    signal.alarm(60)  # ends the script if no signal is sent
    signals.listen()
    try:
        import {module}
        signal.pause()
    except signals.Stopped as stopped:
        print(stopped)
""")


def run(script: str, folder: Path) -> tuple[int, str, float]:
    """The exit code, the output, and the seconds that a script takes which may import modules of a folder."""
    start = time.monotonic()
    paths = os.pathsep.join([str(folder), *sys.path])
    process = subprocess.run(
        [sys.executable, "-c", script], check=False,
        capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    return process.returncode, process.stdout + process.stderr, time.monotonic() - start


def library(folder: Path, source: str) -> Path:
    """An installed module `interrupted`."""
    folder.mkdir()
    (folder / "interrupted.py").write_text(dedent(source))
    return folder


@pytest.mark.parametrize("number", [2, 4])
def test_pytorch_is_imported_to_its_end(number: int, tmp_path: Path) -> None:
    """Where native code of `torch.distributed` calls Python, exceptions abort the process ("terminate called")."""
    sending = dedent(f"""
        import os, sys
        def send(frame, event, argument, calls=[]):
            caller = frame.f_back
            if event == "call" and caller and caller.f_globals.get("__name__") == "torch.distributed":
                if "_bootstrap" in frame.f_code.co_filename and "is_available" in source_line(caller):
                    calls.append(frame)
                    if len(calls) == {number}:
                        sys.setprofile(None)
                        print("sent")
                        os.kill(os.getpid(), signal.SIGTERM)
        def source_line(frame):
            with open(frame.f_code.co_filename) as file:
                return file.readlines()[frame.f_lineno - 1]
        sys.setprofile(send)
    """)
    script = SCRIPT.format(module="torch").replace("signals.listen()", "signals.listen()" + sending)
    code, output, _ = run(script, tmp_path)
    assert (code, output) == (0, "sent\nSIGTERM\n")


def test_a_library_that_swallows_exceptions_hides_no_signal(tmp_path: Path) -> None:
    folder = library(
        tmp_path / "site-packages",
        """
        import os, signal, time
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
        except BaseException:
            print("swallowed")
        """,
    )
    assert run(SCRIPT.format(module="interrupted"), folder)[:2] == (0, "SIGTERM\n")


@pytest.mark.parametrize("code", ["import inner", "exec(open(__file__.replace('interrupted', 'inner')).read(), {})"])
def test_a_library_may_run_other_code_meanwhile(tmp_path: Path, code: str) -> None:
    """A module of the standard library, for example, or text, as named tuples do."""
    folder = library(tmp_path / "site-packages", f"try:\n    {code}\nexcept BaseException:\n    print('swallowed')")
    inner = "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.3)"
    (folder / "inner.py").write_text(inner)
    if code == "import inner":
        (folder / "inner.py").rename(tmp_path / "inner.py")
        (folder / "interrupted.py").write_text(
            f"import sys\nsys.path.append({str(tmp_path)!r})\n" + (folder / "interrupted.py").read_text()
        )
    assert run(SCRIPT.format(module="interrupted"), folder)[:2] == (0, "SIGTERM\n")


def test_an_import_that_does_not_end_is_interrupted_in_the_end(tmp_path: Path) -> None:
    folder = library(
        tmp_path / "site-packages",
        """
        import os, signal, time
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            try:
                time.sleep(60)
            except BaseException:
                print("interrupted", flush=True)
        """,
    )
    script = SCRIPT.format(module="interrupted").replace(
        "signals.listen()", "signals.IMPORT_PATIENCE = signals.PATIENCE = 0.5\nsignals.listen()"
    )
    assert run(script, folder)[:2] == (130, "interrupted\n")


def test_a_file_of_the_user_is_interrupted_immediately(tmp_path: Path) -> None:
    folder = library(
        tmp_path / "plugins",
        """
        import os, signal, time
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
        """,
    )
    code, output, seconds = run(SCRIPT.format(module="interrupted"), folder)
    assert (code, output) == (0, "SIGINT\n")
    assert seconds < IMPORT_PATIENCE
