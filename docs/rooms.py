"""Draws the rooms of `bench` from its import graph: prints the picture in CONTRIBUTING.md (`make rooms` updates it).

A room is a module or a package directly inside `bench`, and it imports only rooms on lower floors: the floor of a room
is one above the highest room that it imports. There are floors only if the imports form no circle.
"""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import grimp

from bench import plugins

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"
BEGIN, END = "<!-- rooms: made by `make rooms` -->\n", "<!-- end of rooms -->"
PLUGIN_FOLDERS = ("algorithms", "datasets", "reports")  # beside `bench` in a checkout, inside it if installed
# Imported by most rooms: their arrows would hide the others.
EVERYWHERE = {"errors", "options", "plugins", "seeds", "values"}

Rooms = dict[str, set[str]]  # the rooms that each room imports


def read() -> Rooms:
    """Return the rooms and what they import, with every kind of plugin above its contract."""
    roots = ["bench", *(f"bench.{name}" for name in PLUGIN_FOLDERS if _is_beside_bench(name))]
    graph = grimp.build_graph(*roots, exclude_type_checking_imports=False, cache_dir=None)
    rooms: Rooms = {}
    for module in graph.modules:
        imported = {_room(name) for name in graph.find_modules_directly_imported_by(module)}
        rooms.setdefault(_room(module), set()).update(imported)
    for kind in plugins.KINDS.values():
        rooms[_room(kind.package)].add(_room(kind.contract.partition(":")[0]))
    return {name: rooms[name] - {name, ""} for name in sorted(rooms) if name}


def floors(rooms: Rooms) -> list[list[str]]:
    """Return the rooms by floor, the ground first; raises graphlib.CycleError if the imports form a circle."""
    sorter = TopologicalSorter(rooms)
    sorter.prepare()
    levels = []
    while sorter.is_active():
        level = sorted(sorter.get_ready())
        levels.append(level)
        sorter.done(*level)
    return levels


def reachable(rooms: Rooms, start: str) -> set[str]:
    """Return all rooms that ``start`` imports, directly or not."""
    return rooms[start].union(*(reachable(rooms, room) for room in rooms[start]))


def arrows(rooms: Rooms) -> list[tuple[str, str]]:
    """Return the imports that follow from no others (the transitive reduction), without those of `EVERYWHERE`."""
    pairs = []
    for room, imported in rooms.items():
        indirect: set[str] = set().union(*(reachable(rooms, each) for each in imported))
        pairs += [(room, each) for each in sorted(imported - indirect) if each not in EVERYWHERE]
    return pairs


def flowchart(rooms: Rooms) -> str:
    """Return the arrows as a Mermaid flowchart, which GitHub draws."""
    lines = [f"    {room} --> {imported}" for room, imported in arrows(rooms)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def table(rooms: Rooms) -> str:
    """Return the rooms as a Markdown table, from the top floor to the ground."""
    lines = ["| floor | room | what it is for |", "| --- | --- | --- |"]
    for number, level in reversed([*enumerate(floors(rooms))]):
        lines += [f"| {number} | `{room}` | {purpose(room)} |" for room in level]
    return "\n".join(lines) + "\n"


def purpose(room: str) -> str:
    """Return the first line of the room's docstring; the folders of plugins at the top have none."""
    if room in PLUGIN_FOLDERS:
        return f"The shipped {room}, one file each."
    spec = find_spec(f"bench.{room}")
    source = Path(str(spec.origin)).read_text(encoding="utf-8") if spec else ""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].replace("|", "\\|")


def picture() -> str:
    """Return flowchart and table as Markdown."""
    rooms = read()
    return f"{flowchart(rooms)}\n{table(rooms)}"


def _room(module: str) -> str:
    """``bench.models.gaussian`` is in the room ``models``; `bench` and grimp's names of bare folders are in none."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "bench" else ""


def _is_beside_bench(folder: str) -> bool:
    spec = find_spec("bench")
    return spec is not None and not (Path(str(spec.origin)).parent / folder).is_dir()


def main() -> None:
    """Print the picture, or with ``--write`` put it between the markers in CONTRIBUTING.md."""
    if "--write" not in sys.argv:
        print(picture(), end="")  # noqa: T201
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{picture()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
