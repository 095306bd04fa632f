"""Tables as LaTeX that compiles whatever the texts hold, narrow enough for a paper.  Needs the package booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.reporting import tables

if TYPE_CHECKING:
    import pandas as pd

_COMMANDS = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # these three are other characters in LaTeX's default encoding
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # German babel makes a command of it
    "±": r"$\pm$",
    "–": "--",
    "\n": " ",
    "\r": " ",
}
_SPECIAL = re.compile(r"--|(?<![\w.])-(?=\d)|[" + re.escape("".join(_COMMANDS)) + "]")
_LONG = 40  # characters from which on a text is set in lines


def latex_text(text: str) -> str:
    """As it is read: no character is a command, and a minus before a number is one."""
    escaped = _SPECIAL.sub(lambda found: _COMMANDS.get(found[0]) or ("-{}-" if found[0] == "--" else "$-$"), text)
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped  # would belong to the \\ of the row above


def latex_table(frame: pd.DataFrame) -> str:
    """A tabular of the columns that differ between rows, numbers to the right; the others are named below it."""
    columns = {str(name): [tables.text(value) for value in frame[name]] for name in frame.columns}
    shown, notes = tables.without_common(columns)
    rows = [[*shown], *zip(*shown.values(), strict=True)]
    heading, *body = [f"{' & '.join(map(latex_text, row))} \\\\" for row in rows]
    lines = [f"\\begin{{tabular}}{{{''.join(map(_alignment, shown.values()))}}}", "\\toprule", heading, "\\midrule"]
    lines += [*body, "\\bottomrule", "\\end{tabular}"]
    told = "; ".join(f"{latex_text(name)}: {latex_text(cell)}" for name, cell in notes.items() if cell)
    if told:
        lines += ["", f"\\smallskip\\noindent{{\\footnotesize {told}.\\par}}"]
    return "\n".join(lines) + "\n"


def _alignment(cells: list[str]) -> str:
    if tables.is_numeric(cells):
        return "r"
    return r"p{0.3\linewidth}" if max(map(len, cells), default=0) > _LONG else "l"
