"""Options: what is accepted, and that each refusal names the option, what is allowed and what was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from bench import options
from bench.errors import OptionError
from bench.options import option
from bench.values import calls


@dataclass(frozen=True)
class Example:
    """One option of each type."""

    rate: float | Literal["auto"] = option("auto", "a step size", above=0, candidates=(0.1, 0.2))
    count: int = option(100, "how many", unit="points", minimum=1, maximum=1000)
    prior: bool = option(True, "whether")
    mode: Literal["A", "B"] = option("B", "which")
    path: str = option("", "where")


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"rate": "0.1"}, "rate", 0.1),
        ({"rate": "auto"}, "rate", "auto"),
        ({"rate": 1}, "rate", 1.0),
        ({"count": "1e2"}, "count", 100),
        ({"count": 7}, "count", 7),
        ({"prior": "false"}, "prior", False),
        ({"prior": "YES"}, "prior", True),
        ({"mode": "A"}, "mode", "A"),
        ({"path": "x/y.npy"}, "path", "x/y.npy"),
    ],
)
def test_values_get_their_types(settings: dict[str, object], field: str, value: object) -> None:
    built = getattr(options.build(Example, settings, "example"), field)
    assert built == value
    assert type(built) is type(value)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"rate": "fast"}, ["`rate` of example", "a number above 0", "'auto'", "'fast'"]),
        ({"rate": 0.0}, ["`rate`", "above 0", "0.0"]),
        ({"rate": "nan"}, ["`rate`", "'nan'"]),
        ({"rate": "inf"}, ["`rate`", "'inf'"]),
        ({"rate": True}, ["`rate`", "True"]),
        ({"count": "2.5"}, ["`count`", "an integer of at least 1", "'2.5'"]),
        ({"count": 0}, ["`count`", "at least 1", "got 0"]),
        ({"count": 1001}, ["`count`", "at most 1000", "1001"]),
        ({"count": True}, ["`count`", "True"]),
        ({"prior": "maybe"}, ["`prior`", "true or false", "'maybe'"]),
        ({"mode": "C"}, ["`mode`", "'A' or 'B'", "'C'"]),
        ({"corunt": 1}, ["no option 'corunt'", "did you mean 'count'?"]),
    ],
)
def test_refusals_say_what_is_allowed_and_what_was_given(settings: dict[str, object], named: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        options.build(Example, settings, "example")
    for words in named:
        assert words.lower() in str(caught.value).lower()


def test_required_option_is_asked_for() -> None:
    @dataclass(frozen=True)
    class Needs:
        path: str

    with pytest.raises(OptionError, match=r"needs `path`: write file\[path=\.\.\.\]"):
        options.build(Needs, {}, "file")


def test_names_show_what_differs_from_the_defaults() -> None:
    assert options.call_name("a", Example()) == "a"
    assert options.call_name("a", Example(rate=0.02, prior=False)) == "a[rate=0.02,prior=false]"
    name, settings = calls.parse_call(options.call_name("a", Example(rate=1e-7, count=3)))
    assert options.build(Example, settings, name) == Example(rate=1e-7, count=3)


def test_descriptions_are_complete() -> None:
    described = {row.name: row for row in options.describe(Example)}
    assert described["rate"].default == "auto"
    assert "0.1, 0.2" in described["rate"].allowed
    assert described["count"].unit == "points"
    assert described["prior"].default == "true"
