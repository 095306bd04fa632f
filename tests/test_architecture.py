"""Rules of the code that no linter knows: typed data, few modules, models that are not told apart by their type.

Each is a count over the source, so that a breach is noticed when it is made and not at the next review.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("bench", "algorithms", "datasets", "reports")
MOST_UNTYPED = 8  # lines, all where JSON, TOML or a checkpoint is read or written
LITERAL = r"[bf]?[\"']({})[\"']"
MOST_MODULES = 12  # files directly in bench/


def lines_with(pattern: str) -> list[str]:
    """The lines of the source that match, each with its place."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]


def test_dicts_of_anything_stay_at_the_edge_of_json() -> None:
    found = lines_with(r"\b[dD]ict\[str, (typing\.)?Any\]")
    assert found, "the pattern of this test does not match any more"
    assert len(found) <= MOST_UNTYPED, (
        f"{len(found)} lines have dict[str, Any], at most {MOST_UNTYPED} may, where JSON or TOML is read or written. "
        "Elsewhere use a dataclass, a TypedDict, or dict[str, object]:\n" + "\n".join(found)
    )


def test_statuses_are_spelt_in_their_enum_alone() -> None:
    from bench.store.records import Status

    names = "|".join(Status)
    spelt = [
        line
        for line in lines_with(rf"""(status\W{{1,20}}|[=!]= ?|\bin \(){LITERAL.format(names)}""")
        if ">>>" not in line and not line.startswith("bench/store/records.py")
    ]
    assert not spelt, "A status is a member of `bench.store.records.Status`, not a text:\n" + "\n".join(spelt)


def test_few_modules_lie_directly_in_bench() -> None:
    found = sorted(path.name for path in (ROOT / "bench").glob("*.py"))
    assert len(found) <= MOST_MODULES, (
        f"{len(found)} modules lie directly in bench/, at most {MOST_MODULES} may. Put the new one into the room whose "
        f"subject it shares; CONTRIBUTING.md has the list: {', '.join(found)}"
    )


def test_only_models_know_which_latents_are_discrete() -> None:
    found = [line for line in lines_with(r"isinstance\(.*\bDiscrete\w*") if not line.startswith("bench/models/")]
    assert not found, (
        "Code outside bench/models/ asks for the type of a model. Ask for what the model can do instead (a method or "
        "property of `bench.models.latent.LatentVariableModel`), so that a new kind of latents works:\n"
        + "\n".join(found)
    )
