"""The picture of the rooms in CONTRIBUTING matches the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from graphlib import CycleError
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "rooms.py"


@pytest.fixture(scope="module")
def rooms() -> ModuleType:
    spec = spec_from_file_location("rooms", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_current() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # the rooms of the checkout, whichever `bench` is installed
    made = subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "Run `make rooms`."


def test_a_room_is_above_all_that_it_imports(rooms: ModuleType) -> None:
    imports = {"top": {"left", "right"}, "left": {"ground"}, "right": {"left", "ground"}, "ground": set()}
    assert rooms.floors(imports) == [["ground"], ["left"], ["right"], ["top"]]
    with pytest.raises(CycleError):
        rooms.floors({**imports, "ground": {"top"}})


def test_arrows_that_follow_from_others_are_left_out(rooms: ModuleType) -> None:
    imports = {"top": {"left", "right", "ground"}, "left": {"ground"}, "right": {"ground", "errors"}}
    imports |= {"ground": set(), "errors": set()}
    assert rooms.arrows(imports) == [("top", "left"), ("top", "right"), ("left", "ground"), ("right", "ground")]


def test_files_that_contributing_names_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:bench|tests|docs|algorithms|datasets|reports)/[\w/]*(?:\.py)?)`", page)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
