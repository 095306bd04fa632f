"""Tables as LaTeX that compiles whatever the texts contain, narrow enough for a paper.  Needs the package booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.reporting.tables.columns import is_numeric, without_common
from bench.reporting.tables.formatting import text

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
_LONG = 40  # minimum number of characters of a text that is broken into lines


def latex_text(plain: str) -> str:
    """Escape text so that no character is a command; a hyphen before a number becomes a minus sign."""
    escaped = _SPECIAL.sub(lambda match: _COMMANDS.get(match[0]) or ("-{}-" if match[0] == "--" else "$-$"), plain)
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped  # would belong to the \\ of the row above


def latex_table(frame: pd.DataFrame) -> str:
    """A tabular of the columns that differ between rows, with numbers right-aligned, and a line below for the rest."""
    columns = {str(name): [text(value) for value in frame[name]] for name in frame.columns}
    shown, notes = without_common(columns)
    rows = [[*shown], *zip(*shown.values(), strict=True)]
    heading, *body = [f"{' & '.join(map(latex_text, row))} \\\\" for row in rows]
    lines = [f"\\begin{{tabular}}{{{''.join(map(_alignment, shown.values()))}}}", "\\toprule", heading, "\\midrule"]
    lines += [*body, "\\bottomrule", "\\end{tabular}"]
    common = "; ".join(f"{latex_text(name)}: {latex_text(cell)}" for name, cell in notes.items() if cell)
    if common:
        lines += ["", f"\\smallskip\\noindent{{\\footnotesize {common}.\\par}}"]
    return "\n".join(lines) + "\n"


def _alignment(cells: list[str]) -> str:
    if is_numeric(cells):
        return "r"
    return r"p{0.3\linewidth}" if max(map(len, cells), default=0) > _LONG else "l"
