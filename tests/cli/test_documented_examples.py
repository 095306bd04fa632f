"""The examples in README, CONTRIBUTING and the tutorial: each is saved, and the commands below it are run."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from markdown_it import MarkdownIt

from bench import Batch, Problem, plugins
from bench.execution.execution import Execution

ROOT = Path(__file__).parents[2]
QUICK = ["--budget", "300", "--eval-points", "20", "--likelihood-points", "5", "--device", "cpu"]
QUICK += ["--tune", "paper[samples=1000]"]  # after 200 the best step is one that diverges
GIVEN = "aevb[learning_rate=0.02],wakesleep[learning_rate=0.02]"  # so that no step size has to be chosen first
SMALLER = {
    "seeds=[0, 1], budget=100_000": "seeds=[0, 1], budget=300, tune='paper[samples=1000]', likelihood_points=5",
    "budget=100_000": "budget=300",
    "hidden=100": "hidden=5",
    "x[1500:]": "x[1500:1510]",
    "points=50": "points=3, execution=Execution(backend='sequential')",
}

Bench = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Example:
    """A file, its content, and the commands that use it."""

    name: str
    content: str
    commands: list[list[str]] = field(default_factory=list)


def blocks(page: str, language: str = "") -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and content."""
    tokens = MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
    return [(token.info, token.content) for token in tokens if token.type == "fence" and language in token.info]


def examples(page: str) -> list[Example]:
    """Blocks that begin with the name of a file, with the commands of the next block."""
    found: list[Example] = []
    for language, content in blocks(page):
        first = content.partition("\n")[0]
        if first.startswith("# ") and first.endswith((".py", ".toml")):
            found.append(Example(first.removeprefix("# "), content))
        elif language == "sh" and found and not found[-1].commands:
            lines = [shlex.split(line, comments=True) for line in content.splitlines()]
            found[-1].commands = [line[1:] for line in lines if line[:1] == ["bench"]]
    return found


def sped_up(command: list[str]) -> list[str]:
    """A command with less work; of options that are given twice the last counts."""
    if command[0] == "profile":
        return [*command, "--after", "300", "--repeats", "32"]
    if command[0] not in ("run", "estimate"):
        return command
    backend = ["--algos", GIVEN] if "--backend" in command else ["--backend", "sequential"]
    if command[0] == "estimate":
        return [*command, *backend]
    few = [] if "--size" in command or "--seeds 1" in " ".join(command) else ["--seeds", "2"]
    return [*command, *QUICK, *few, *backend]


PAGES = ("CONTRIBUTING.md", "README.md", "docs/your-own-algorithm.md")
EXAMPLES = [pytest.param(each, id=f"{page} {each.name}") for page in PAGES for each in examples(page)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works_as_a_users_file(bench: Bench, process: Bench, tmp_path: Path, example: Example) -> None:
    (tmp_path / example.name).write_text(example.content, encoding="utf-8")
    assert any(example.name in argument for command in example.commands for argument in command)
    for command in example.commands:
        call = process if "--backend" in command else bench
        call(*sped_up(command))
    if "class Antithetic" in example.content:  # the tutorial ends with a sentence of the page
        answer = (tmp_path / "runs" / "mine" / "report" / "index.html").read_text(encoding="utf-8")
        assert re.search(r"z = 10:</b> \S+ has the highest log-likelihood: -[\d.]+ nats", answer)


def test_there_is_an_example_of_every_kind() -> None:
    assert len(examples("CONTRIBUTING.md")) == 8  # seven kinds of plugins, and a study
    assert len(examples("README.md")) == 1
    assert len(examples("docs/your-own-algorithm.md")) == 1


def test_the_tutorial_begins_with_a_file_that_passes_its_check(bench: Bench) -> None:
    begin = [shlex.split(line) for line in blocks("docs/your-own-algorithm.md", "sh")[0][1].splitlines()]
    assert begin == [["bench", "new", "algorithm", "mine"]]
    bench(*begin[0][1:])
    bench("check", "./mine.py")


def test_all_that_the_tutorial_lists_for_a_step_is_there() -> None:
    algorithm = plugins.find("algorithm")["aevb"].load()(
        latent_size=2, model="mlp[hidden=4]", learning_rate=0.1, device="cpu"
    )
    problem = Problem(torch.rand(10, 6), 2, algorithm.architecture, "bernoulli")
    algorithm.setup(problem, torch.Generator())
    batch = Batch(problem.x[:3], torch.arange(3))
    names = {"self": algorithm, "problem": problem, "batch": batch, "x": batch.x, "K": 5, "count": 7}
    names |= {"generator": torch.Generator(), "z": torch.zeros(5, 3, 2), "parameters": algorithm.model.parameters()}
    page = (ROOT / "docs" / "your-own-algorithm.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("| expression |")[2].partition("\n\n")[0].splitlines() if "`" in line]
    assert len(rows) == 11
    for row in rows:
        for expression in re.findall(r"`([^`]+)`", row.split("|")[1]):
            value = eval(expression, names)  # noqa: S307  # the page's own code
            assert value is not None, expression
    for owner, row in ((algorithm.model.encode(batch.x), rows[4]), (algorithm.model.decoder, rows[5])):
        for name in re.findall(r"`(\w+)", row.split("|")[2]):
            assert hasattr(owner, name), name


def test_the_python_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = [content for _, content in blocks("README.md", "python") if not content.startswith("# ")]
    assert len(code) == 4
    text = "\n".join(code)
    for long, short in SMALLER.items():
        assert long in text
        text = text.replace(long, short)
    exec(compile(text, "README.md", "exec"), {"Execution": Execution})  # noqa: S102  # the page's own code
    assert (tmp_path / "likelihoods.csv").exists()
    assert (tmp_path / "runs" / "api" / "report" / "tables" / "log_likelihood.md").exists()
