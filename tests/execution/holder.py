"""A process that holds a device until its input is closed: `python holder.py FOLDER NAMES PER_DEVICE [ROUNDS]`.

It says what it does, one word per line.  Nothing is computed, so PyTorch is not imported: devices are names here.  With
ROUNDS it takes one device after another, each for a moment, and says when.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType


def say(*words: object) -> None:
    """To whoever has started this process."""
    print(*words, flush=True)  # noqa: T201


pretended = ModuleType("bench.devices")
pretended.identity = lambda name: f"pretend-{name}"  # type: ignore[attr-defined]
pretended.release_memory = lambda name: say("releases", name)  # type: ignore[attr-defined]
sys.modules["bench.devices"] = pretended
sys.modules["bench"] = __import__("bench")
sys.modules["bench"].devices = pretended  # type: ignore[attr-defined]

from bench.execution import interruption, leases  # noqa: E402  # with the devices above

folder, names, per_device, *rounds = sys.argv[1:]
leases.folder = lambda: Path(folder)  # type: ignore[assignment]
interruption.listen()
for _ in range(int(rounds[0]) if rounds else 0):
    with leases.leased(names.split(","), int(per_device)) as name:
        say("from", name, time.time())
        time.sleep(0.02)
        say("until", name, time.time())
if not rounds:
    try:
        with leases.leased(names.split(","), int(per_device), lambda: say("waits")) as name:
            say(name)
            sys.stdin.read()
    except leases.Withdrawn:
        say("withdrawn")
