"""Which names an engine is given, and how often a task is repeated."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bench.execution.remote.submissions import Submissions


class Engine:
    """Notes the names that it is given."""

    def __init__(self) -> None:
        """None yet."""
        self.names: list[str] = []

    def submit(self, name: str, payload: Any) -> None:
        """Note the name."""
        assert name not in self.names, "an engine runs nothing twice under one name"
        self.names.append(name)


@pytest.fixture
def engine() -> Engine:
    return Engine()


def submissions(engine: Engine, *keys: str, most: int = 2) -> Submissions:
    return Submissions(cast(Any, dict.fromkeys(keys)), most, engine.submit)


def test_tasks_are_submitted_as_far_as_there_is_room(engine: Engine) -> None:
    made = submissions(engine, "a", "b", "c", "d")
    made.fill({"a", "c", "d"})
    assert engine.names == ["a", "c"], "b has ended"
    made.end("a")
    made.fill({"c", "d"})
    assert engine.names == ["a", "c", "d"]


def test_a_task_whose_process_dies_is_repeated_once(engine: Engine) -> None:
    made = submissions(engine, "a")
    made.fill({"a"})
    assert made.repeat_died("a")
    assert not made.repeat_died("a")
    assert engine.names == ["a", "a-2"]


def test_a_machine_that_refuses_is_no_attempt(engine: Engine) -> None:
    made = submissions(engine, "a")
    made.fill({"a"})
    assert all(made.repeat_declined("a") for _ in range(5))
    assert made.repeat_died("a")
    assert engine.names == ["a", *(f"a-{number}" for number in range(2, 8))]


def test_a_task_that_an_earlier_command_has_stopped_gets_another_name(engine: Engine) -> None:
    """Under the first one the engine may still be ending that attempt: it would be taken for the new one."""
    made = submissions(engine, "a")
    assert made.repeat_died("a"), "before it was submitted here"
    made.fill({"a"})
    assert engine.names == ["a-2"]
    assert made.repeat_died("a"), "the earlier stop was no death"
