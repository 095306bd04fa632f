"""Tables as LaTeX."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.reporting.writers.latex import latex_table, latex_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aevb[a_b=5 %]", r"aevb[a\_b=5 \%]"),
        ("-24.56 ± 0.14", r"$-$24.56 $\pm$ 0.14"),
        ("-24.91 to -24.21", "$-$24.91 to $-$24.21"),
        ("speed-up 2-5", "speed-up 2-5"),
        ("a--b", "a-{}-b"),
        ("<0.0001", r"\textless{}0.0001"),
        (
            '\\input{x} $y$ ~^#&|"\n',
            r"\textbackslash{}input\{x\} \$y\$ \textasciitilde{}\textasciicircum{}\#\&\textbar{}\char34{} ",
        ),
        ("[1]", "{}[1]"),  # or the row above would take it for its height
        ("*", "{}*"),
        ("–", "--"),
    ],
)
def test_every_character_is_text(text: str, expected: str) -> None:
    assert latex_text(text) == expected


def test_numbers_stand_to_the_right_and_what_all_rows_share_below() -> None:
    frame = pd.DataFrame(
        {"data set": ["mnist", "mnist"], "who": ["a", "b_c"], "nats": ["-9.50", "-100.25"], "": ["x" * 50, ""]}
    )
    assert latex_table(frame).splitlines() == [
        r"\begin{tabular}{lrp{0.3\linewidth}}",
        r"\toprule",
        r"who & nats &  \\",
        r"\midrule",
        rf"a & $-$9.50 & {'x' * 50} \\",
        r"b\_c & $-$100.25 &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"\smallskip\noindent{\footnotesize data set: mnist.\par}",
    ]


def test_one_row_keeps_all_its_columns() -> None:
    assert "mnist & $-$1.00" in latex_table(pd.DataFrame({"data set": ["mnist"], "nats": ["-1.00"]}))
    same = pd.DataFrame({"data set": ["mnist"] * 2, "nats": ["-1.00"] * 2})
    assert latex_table(same).count("mnist & $-$1.00") == 2
