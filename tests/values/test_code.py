"""The hash of code: equal for what does the same, different for what might not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from textwrap import dedent

import pytest

from bench import plugins
from bench.values.code import code_hash

SOURCE = '''
"""A module."""

from dataclasses import dataclass


@dataclass
class Rate:
    """A rate."""

    value: float = 0.5
    """Of learning."""

    async def wait(self, *names, **others):
        """Wait."""

    def text(self):
        # A comment.
        return f"{self.value:>{8}.2f} {self!r}" "and" 'more', {**{}, "a": -1}, b"x", None, ...
'''


def hash_of(source: str) -> str:
    return code_hash(source.encode())


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ('"""A module."""', ""),
        ('"""A module."""', '"""Another text, much longer."""'),
        ('"""A rate."""', '"""Several rates."""'),
        ('"""Of learning."""', ""),
        ('"""Wait."""', "'Wait for them.'"),
        ("# A comment.", "# Another one"),
        ("        # A comment.\n", ""),
        ("value: float = 0.5", "value : float=0.5  # initially"),
        ("0.5", "0.50"),
        ("\"and\" 'more'", '"andmore"'),
        ('"and"', '"""and"""'),
        ('"and"', "u'and'"),
        ("*names, **others", "\n        *names,\n        **others,\n    "),
        ("\n", "\r\n"),
    ],
)
def test_how_it_is_written_does_not_count(part: str, other: str) -> None:
    assert part in SOURCE
    assert hash_of(SOURCE.replace(part, other)) == hash_of(SOURCE)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("0.5", "0.25"),
        ("0.5", "'0.5'"),
        ("0.5", "True"),
        ("-1", "1"),
        ("-1", "-1.0"),
        ("-1", "-True"),
        ("None", "False"),
        ("None", "..."),
        ("None, ...", "None"),
        ('b"x"', '"x"'),
        ("!r", "!s"),
        (":>", ":<"),
        ("8", "9"),
        ('"and"', '"And"'),
        ('{**{}, "a"', '{None: {}, "a"'),
        ("*names", "names"),
        ("**others", "others"),
        ("async ", ""),
        ("@dataclass\n", ""),
        ("class Rate", "class Speed"),
        (": float", ": int"),
        ("return", "yield"),
        ("    def text(self):", "def text(self):"),
        ("import dataclass", "import dataclass as dataclass"),
    ],
)
def test_what_it_does_counts(part: str, other: str) -> None:
    assert part in SOURCE
    assert hash_of(SOURCE.replace(part, other)) != hash_of(SOURCE)


def test_every_line_of_an_algorithm_counts() -> None:
    """Without any one of these lines it is a different algorithm, or cannot be parsed."""
    lines = plugins.KINDS["algorithm"].shipped_file("mcem").read_text().splitlines()
    numbers = [number for number, line in enumerate(lines) if "self." in line]
    assert len(numbers) > 20
    hashes = {hash_of("\n".join(lines[:number] + lines[number + 1 :])) for number in numbers}
    assert len(hashes | {hash_of("\n".join(lines))}) == len(numbers) + 1


@pytest.mark.parametrize("source", [b"def (", b"\0", b"\xff", b"(" * 10_000, b"x = " + b"-" * 100_000 + b"1"])
def test_what_cannot_be_parsed_is_hashed_as_it_is(source: bytes) -> None:
    assert code_hash(source) == code_hash(source)
    assert code_hash(source) != code_hash(source + b" ")


def test_it_is_the_same_for_every_version_of_python() -> None:
    """Run folders travel; this value was computed by CPython 3.11, 3.12.1, 3.12.7, 3.13 and 3.14."""
    source = dedent("""
        import numpy as np
        def step(x: "Batch", /, *, rate=1e-3) -> dict[str, float]:
            with open(x) as file, lock:
                y = [*file, *(each := line for line in file if line)]
            z = f"{x:{rate}}" f"{x=:>{rate}}" "" f"{x!r:^{rate}.{y}}" f""
            return {"loss": f"{x!r:>{rate}} é {{}} {y=}" "!", 'other': 10**400, **y}
    """)
    assert hash_of(source) == "137e2d202f72b6bcda9e3119e31a96e463ec3ee7a4d908abb2253ec85389582f"


def test_the_file_of_a_plugin_has_the_hash_of_its_code(tmp_path: Path) -> None:
    shipped = plugins.find("algorithm")["aevb"]
    copy = tmp_path / "copy.py"
    copy.write_text(plugins.KINDS["algorithm"].shipped_file("aevb").read_text() + "\n# edited\n")
    plugin, _ = plugins.resolve("algorithm", str(copy))
    assert plugin.code_hash() == shipped.code_hash() == shipped.load().code_hash() == plugin.load().code_hash()


def test_warnings_of_the_parser_neither_appear_nor_matter(recwarn: pytest.WarningsRecorder) -> None:
    source = '"""A \\sum in LaTeX."""\nx = "\\d"'
    hashed = hash_of(source)
    assert not recwarn
    assert hashed == hash_of(source.replace("sum", "prod"))
    assert hashed != hashlib.sha256(source.encode()).hexdigest()
