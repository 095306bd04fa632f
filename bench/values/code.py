"""Python source code as a hash of what it does, not of how it is written."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache


@lru_cache(maxsize=256)
def code_hash(source: bytes) -> str:
    r"""Return the SHA-256 of Python source, without its comments, docstrings, line breaks and spaces.

    It does not depend on the version of Python, as long as the version can parse the source. Source that cannot be
    parsed is hashed as it is. Cost: some milliseconds for a file.

    Example:
        >>> code_hash(b"x = [1,  2]  # two") == code_hash(b"'''Numbers.'''\nx = [1, 2]")
        True
        >>> code_hash(b"x = 1") == code_hash(b"x = 1.0")
        False
    """
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        source = "".join(_parts(ast.parse(source))).encode()
    return hashlib.sha256(source).hexdigest()


def _parts(value: object) -> Iterator[str]:
    """The syntax tree as text; absent fields are left out, since later versions of Python have more of them."""
    if isinstance(value, ast.AST):
        yield f"{type(value).__name__}("
        for name, field in ast.iter_fields(value):
            if field is not None and field != [] and name != "kind":  # the u of u"text"
                yield f"{name}="
                yield from _parts(field)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for each in value:
            if not _is_docstring(each):
                yield from _parts(each)
        yield "]"
    else:
        yield f"{value!a},"  # which characters `repr` prints depends on the version


def _is_docstring(node: object) -> bool:
    """Whether it is a statement that is only a text, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
