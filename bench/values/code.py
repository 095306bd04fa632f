"""Python source code as a hash of what it does, not of how it is written."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import groupby


@lru_cache(maxsize=256)
def code_hash(source: bytes) -> str:
    r"""Return the SHA-256 of Python source, without its comments, docstrings, line breaks and spaces.

    It does not depend on the version of Python, provided that the version can parse the source. Source that cannot be
    parsed is hashed as it is. Cost: a few milliseconds per file.

    Example:
        >>> code_hash(b"x = [1,  2]  # two") == code_hash(b"'''Numbers.'''\nx = [1, 2]")
        True
        >>> code_hash(b"x = 1") == code_hash(b"x = 1.0")
        False
    """
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid escape sequence", for instance, which would be an error otherwise
        source = "".join(_parts(ast.parse(source))).encode()
    return hashlib.sha256(source).hexdigest()


def _parts(value: object) -> Iterator[str]:
    """The syntax tree as text; absent fields are left out, since later versions of Python have more of them."""
    if isinstance(value, ast.AST):
        yield f"{type(value).__name__}("
        for name, field in ast.iter_fields(value):
            if field is not None and field != [] and name != "kind":  # the u of u"text"
                yield f"{name}="
                yield from _parts(_merged(field) if isinstance(value, ast.JoinedStr) else field)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for each in value:
            if not _is_bare_string(each):
                yield from _parts(each)
        yield "]"
    else:
        yield f"{value!a},"  # which characters `repr` prints depends on the version


def _merged(parts: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string with adjacent strings merged and empty ones left out, which some versions do not do."""
    merged: list[ast.expr] = []
    for is_text, group in groupby(parts, lambda part: isinstance(part, ast.Constant)):
        if not is_text:
            merged.extend(group)
        elif text := "".join(str(part.value) for part in group if isinstance(part, ast.Constant)):
            merged.append(ast.Constant(text))
    return merged


def _is_bare_string(node: object) -> bool:
    """Whether a node is a string literal used as a statement, which has no effect."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
