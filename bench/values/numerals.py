"""Numbers as users give them: of Python, NumPy or PyTorch, or as text."""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeGuard, cast

LARGEST_INTEGER = 2**63 - 1  # that tensors and tables hold


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, of Python or NumPy; True and False are none.

    >>> is_number(0.5), is_number("0.5"), is_number(True)
    (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def whole_number(value: object) -> int | None:
    """The integer that a value is: of Python, NumPy or PyTorch, also 1e6; None if it is none, such as True or "1".

    >>> whole_number(3), whole_number(1e6), whole_number(2.5), whole_number("3")
    (3, 1000000, None, None)
    """
    value = plain_scalar(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return None if isinstance(value, bool) or not isinstance(value, int) else value


def read_whole_number(text: str) -> int | None:
    """The integer that a text is, such as "1000" or "1e6"; None if it is none.

    >>> read_whole_number("1e3"), read_whole_number("many")
    (1000, None)
    """
    try:
        return int(text)
    except ValueError:
        return whole_number(read_number(text))


def read_number(value: object) -> float | None:
    """The number that a text or a number is, as a float; None if it is none, or too large.

    >>> read_number("1e-3"), read_number(2), read_number(True), read_number(10**400)
    (0.001, 2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def plain_scalar(value: object) -> object:
    """A scalar of NumPy or PyTorch as one of Python; anything else as it is."""
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return cast(Any, value).item()
    return value
