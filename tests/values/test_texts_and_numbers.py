"""Calls and lists as text, and numbers as users give them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import OptionError
from bench.values import calls, numerals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b", ["a", "b"]),
        ("a[x=1,y=2],b", ["a[x=1,y=2]", "b"]),
        (" a , b[p=[1,2],q=3] ", ["a", "b[p=[1,2],q=3]"]),
        ("./my file.py[x=1]", ["./my file.py[x=1]"]),
    ],
)
def test_lists_keep_brackets_together(text: str, expected: list[str]) -> None:
    assert calls.split_list(text) == expected


@pytest.mark.parametrize("text", ["a,,b", "", "a,", "a[x=1", "a]"])
def test_bad_lists_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"entry|Brackets"):
        calls.split_list(text)


@pytest.mark.parametrize("text", ["a[x]", "a[=1]", "a[x=]", "a[x=1,x=2]", "[x=1]", "a[x=1]b"])
def test_bad_calls_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"Cannot read|twice"):
        calls.parse_call(text)


@pytest.mark.parametrize("one", [1, 1.0, np.int8(1), np.float32(1), torch.tensor(1), torch.tensor(1.0)])
def test_a_whole_number_is_one_of_any_library(one: object) -> None:
    number = numerals.whole_number(one)
    assert number == 1
    assert type(number) is int


@pytest.mark.parametrize("other", [True, np.bool_(True), torch.tensor(True), 1.5, np.nan, np.inf, "1", None, [1]])
def test_nothing_else_is_a_whole_number(other: object) -> None:
    assert numerals.whole_number(other) is None
