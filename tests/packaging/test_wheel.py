"""The built wheel works without the checkout.

`tox -e build` builds the sdist and the wheel from it, installs that wheel, names the folder of both in BENCH_DIST and
runs these tests from an empty folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGIN_FOLDERS = {"algorithm": "algorithms", "dataset": "datasets", "report": "reports"}
PLUGINS = [
    (kind, path.stem)
    for kind, folder in PLUGIN_FOLDERS.items()
    for path in sorted((CHECKOUT / folder).glob("*.py"))
    if not path.stem.startswith("_")
]

pytestmark = pytest.mark.skipif("BENCH_DIST" not in os.environ, reason="needs the built wheel: run `tox -e build`")


@pytest.fixture(scope="module")
def wheel() -> Path:
    return only(Path(os.environ["BENCH_DIST"]).glob("*.whl"))


@pytest.fixture(scope="module")
def sdist() -> Path:
    return only(Path(os.environ["BENCH_DIST"]).glob("*.tar.gz"))


def only(paths) -> Path:
    (path,) = paths
    return path


def source_files() -> dict[str, bytes]:
    """Every file that must be installed, under its name in the repository."""
    files = (path for folder in ("bench", *PLUGIN_FOLDERS.values()) for path in (CHECKOUT / folder).rglob("*"))
    return {
        path.relative_to(CHECKOUT).as_posix(): path.read_bytes()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def installed_name(name: str) -> str:
    """``algorithms/aevb.py`` -> ``bench/algorithms/aevb.py``."""
    return f"bench/{name}" if name.partition("/")[0] in PLUGIN_FOLDERS.values() else name


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_bench(*arguments: str, cwd: Path) -> str:
    """Run the installed command as a user would; returns what it printed."""
    command = shutil.which("bench", path=sysconfig.get_path("scripts"))
    assert command is not None
    done = run(command, *arguments, cwd=cwd, COLUMNS="200")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_python(code: str, *, cwd: Path, **environment: str) -> str:
    done = run(sys.executable, "-W", "error", "-c", code, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_checkout_has_plugins_of_every_kind():
    assert {kind for kind, _ in PLUGINS} == set(PLUGIN_FOLDERS)


def test_wheel_holds_exactly_the_files_of_the_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {installed_name(name): content for name, content in source_files().items()}
    assert sorted(held) == sorted(wanted)
    assert [name for name in held if held[name] != wanted[name]] == []


def test_sdist_holds_the_files_that_the_wheel_is_built_from(sdist):
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {*source_files(), "pyproject.toml", "README.md", "LICENSE"}
    assert sorted(wanted - held) == []


def test_wheel_installs_one_import_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bench"}


@pytest.mark.parametrize("name", PLUGIN_FOLDERS.values())
def test_plugin_folders_are_not_importable_on_their_own(name, tmp_path):
    assert run_python(f"import importlib.util as u; print(u.find_spec({name!r}))", cwd=tmp_path) == "None"


def test_what_is_imported_is_the_wheel():
    spec = importlib.util.find_spec("bench")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(sys.prefix)
    assert not Path(spec.origin).is_relative_to(CHECKOUT / "bench")


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_plugins_are_found_and_load_from_the_wheel(kind, name):
    from bench import plugins

    cls = plugins.find(kind)[name].load()
    file = sys.modules[cls.__module__].__file__
    assert file is not None
    assert Path(file).is_relative_to(sysconfig.get_path("purelib"))


def test_help_names_the_commands(tmp_path):
    printed = run_bench("--help", cwd=tmp_path)
    assert {"run", "report", "list"} <= set(printed.split())


def test_list_names_every_plugin(tmp_path):
    printed = run_bench("list", cwd=tmp_path)
    assert [name for _, name in PLUGINS if name not in printed] == []


def test_a_tiny_run_ends_well_and_can_be_read_back(tmp_path):
    run_bench(
        *("run", "--algos", "aevb,wakesleep", "--dataset", "digits", "--z", "2", "--hidden", "5", "--seeds", "1"),
        *("--budget", "500", "--likelihood", "importance[num_samples=10]", "--eval-points", "20", "--out", "runs/tiny"),
        cwd=tmp_path,
    )
    code = "import bench; t = bench.load('runs/tiny').trials; print(*sorted(t.algorithm), *sorted(set(t.status)))"
    assert run_python(code, cwd=tmp_path) == "aevb wakesleep done"


def test_the_references_are_in_the_wheel(tmp_path):
    for name, trials in (("reference-digits", 150), ("reference-mnist", 45)):
        assert run_bench("export", name, cwd=tmp_path).count("\n") == trials + 1


def test_the_checkout_works_without_being_installed(tmp_path):
    code = "import bench.algorithms.aevb as a; print(a.__file__)"
    assert Path(run_python(code, cwd=tmp_path, PYTHONPATH=str(CHECKOUT))) == CHECKOUT / "algorithms" / "aevb.py"


def test_a_foreign_package_wins_over_a_plugin_folder_of_the_checkout(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("WHOSE = 'foreign'\n")
    path = os.pathsep.join([str(CHECKOUT), str(tmp_path)])
    assert run_python("import datasets; print(datasets.WHOSE)", cwd=CHECKOUT, PYTHONPATH=path) == "foreign"
