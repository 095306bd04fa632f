from __future__ import annotations

from typing import Any

from bench import plugins

WhatRan = plugins.find("report")["what_ran"].load()


def test_every_trial_is_a_row_whatever_became_of_it(rows: Any) -> None:
    rows.add(seed=0, likelihoods={"importance": -20.0}, bound=[(1000, -21)])
    rows.add(seed=1, status="failed")
    rows.trials[1]["reason"] = "ValueError: <b>no</b>"
    rows.changed_since = {rows.trials[0]["trial"]: "algorithm"}
    report = WhatRan()
    table = report.table(rows.results())
    assert table["status"].tolist() == ["done", "failed"]
    assert table["changed_since"].tolist() == ["algorithm", ""]
    shown = report.display(table)
    assert shown["reason"].tolist() == ["–", "ValueError: <b>no</b>"]
    assert shown["samples"].tolist() == ["1000", "–"]
