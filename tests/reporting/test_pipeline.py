"""From results to files: each report is rendered once, wherever and however it is shown."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench import plugins
from bench.plugins import PluginRef
from bench.reporting.processes import run_in_processes, safe_number
from bench.reporting.rendering import Made, make_reports
from bench.results.frames import Results

HEAD = '''"""A report of one's own."""

import os
from pathlib import Path

from matplotlib.figure import Figure as MatplotlibFigure

from bench.report import Figure, Table

HERE = Path(__file__).parent


def rendered(name):
    with (HERE / name).open("a") as file:
        file.write(".")
'''
TABLE = """
class Mine(Table):
    \"\"\"Seeds, nothing else.\"\"\"

    ends_run = True

    def table(self, results):
        rendered("table")
        return results.trials[["algorithm", "seed"]]

    def display(self, table):
        rendered("display")
        return table
"""
FIGURE = """
class Mine(Figure):
    \"\"\"Nothing.\"\"\"

    def figure(self, results):
        rendered("figure")
        {body}
        return MatplotlibFigure()
"""
DEADLY = "os._exit(1) if (HERE / 'parent').read_text() != str(os.getpid()) else 1 / 0"
FORKED = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``install(name=source)`` makes these reports, and the page, all that are installed."""
    find = plugins.find

    def installed(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(HEAD + source)
        mine = {name: PluginRef("report", name, str(tmp_path / f"{name}.py")) for name in sources}
        every = {"index": find("report")["index"], **mine}
        monkeypatch.setattr(plugins, "find", lambda kind: every if kind == "report" else find(kind))

    return installed


@pytest.fixture
def results(trained_run: Path) -> Results:
    return bench.load(trained_run)


def make(results: Results, folder: Path, names: tuple[str, ...] = (), *, processes: int = 1) -> dict[str, Made]:
    return {made.name: made for made in make_reports(results, names, folder=folder / "report", processes=processes)}


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=FORKED)])
def test_each_report_is_rendered_once(
    install: Callable[..., None], results: Results, tmp_path: Path, processes: int
) -> None:
    install(seeds=TABLE, one=FIGURE.format(body=""), two=FIGURE.format(body=""))
    made = make(results, tmp_path, processes=processes)
    assert [len(made[name].paths) for name in ("index", "seeds", "one", "two")] == [1, 4, 3, 3]
    times = {name: len((tmp_path / name).read_text()) for name in ("table", "display", "figure")}
    assert times == {"table": 1, "display": 1, "figure": 2}
    page = made["index"].paths[0].read_text()
    assert all(f'id="{element}"' in page for element in ("table-seeds", "figure-one", "figure-two"))


def test_what_was_rendered_is_at_hand(install: Callable[..., None], results: Results, tmp_path: Path) -> None:
    install(seeds=TABLE)
    made = make(results, tmp_path, ("seeds",))["seeds"]
    assert made.table is not None
    assert len(made.table.shown) == len(results.trials)
    assert list(made.contents) == ["csv", "md", "tex", "html"]
    assert [path.read_bytes() for path in made.paths] == list(made.contents.values())


def test_a_format_that_a_report_does_not_have_renders_nothing(
    install: Callable[..., None], results: Results, tmp_path: Path
) -> None:
    install(seeds=TABLE, one=FIGURE.format(body=""))
    made = make_reports(results, formats=["csv"], folder=tmp_path / "report")
    assert {each.name: len(each.paths) for each in made} == {"index": 0, "seeds": 1, "one": 0}
    assert not (tmp_path / "figure").exists()


@FORKED
def test_files_are_the_same_from_several_processes(results: Results, tmp_path: Path) -> None:
    names = ("cost", "samples", "reconstructions", "log_likelihood")
    one, two = (make(results, tmp_path / str(processes), names, processes=processes) for processes in (1, 2))
    assert list(one) == list(two) == list(names)
    assert all(one[name].contents == two[name].contents for name in names)


@FORKED
@pytest.mark.parametrize("body", ["raise LookupError('broken')", DEADLY])
def test_a_figure_that_fails_leaves_the_others_and_keeps_its_error(
    install: Callable[..., None], results: Results, tmp_path: Path, body: str
) -> None:
    """Even if it takes its process along: then it is made in this one."""
    (tmp_path / "parent").write_text(str(os.getpid()))
    install(broken=FIGURE.format(body=body), one=FIGURE.format(body=""), two=FIGURE.format(body=""))
    made = make(results, tmp_path, processes=2)
    assert isinstance(made["broken"].error, LookupError | ZeroDivisionError)
    assert len(made["one"].paths) == len(made["two"].paths) == 3
    assert "broken could not be made" in made["index"].paths[0].read_text()


def test_progress_counts_what_is_rendered(install: Callable[..., None], results: Results, tmp_path: Path) -> None:
    install(seeds=TABLE, one=FIGURE.format(body=""), two=FIGURE.format(body=""))
    shown: list[tuple[int, int]] = []
    make_reports(results, folder=tmp_path / "report", progress=lambda *counts: shown.append(counts))
    assert shown == [(0, 3), (1, 3), (2, 3), (3, 3)]


@FORKED
def test_what_a_dead_process_should_have_done_is_left_out() -> None:
    parent = os.getpid()
    work = [lambda: os.getpid() != parent, lambda: os._exit(1)]
    assert all(forked for _, forked in run_in_processes(work, 2))


def test_no_process_is_forked_beside_a_thread() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert safe_number() == 1
    finally:
        stop.set()
        thread.join()
