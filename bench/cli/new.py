"""`bench new`."""

from __future__ import annotations

from pathlib import Path

import click

USES = {  # how a plugin of a kind is used
    "algorithm": "bench run --algos aevb,{path} --z 2 --budget 2e4 --seeds 2",
    "dataset": "bench run --dataset {path} --algos aevb --z 2 --budget 2e4 --seeds 1",
    "estimator": "bench estimate runs/NAME --likelihood {path}",
    "architecture": "bench run --model {path} --algos aevb,wakesleep --z 2 --budget 2e4 --seeds 1",
    "model": "bench run --model {path} --algos aevb,wakesleep --z 2 --budget 2e4 --seeds 1",
    "decoder": "bench run --decoder {path} --algos aevb --z 2 --budget 2e4 --seeds 1",
    "report": "bench report runs/NAME --only {path}",
    "backend": "bench run --backend {path} --algos aevb,wakesleep --z 2 --budget 2e4 --seeds 1",
}


@click.command("new")
@click.argument("kind")
@click.argument("name")
@click.option("-o", "--out", type=Path, default=Path(), help="Folder of the file  [default: this one]")
def command(kind: str, name: str, out: Path) -> None:
    """Write NAME.py: a working plugin that passes `bench check`, as a starting point for your own.

    KIND is algorithm, dataset, estimator, architecture, report, decoder or backend.  NAME is the plugin's name in
    tables.

    Exit codes: 0 the file was written; 2 the command was invalid, or the file already exists.
    """
    from bench.api.creation import new
    from bench.cli.console import Output

    path = new(kind, name, out)
    shown = str(path) if path.is_absolute() or "/" in str(path) else f"./{path}"
    console = Output()
    for line in (
        f"{shown} is written.",
        f"Check it:  bench check {shown}",
        f"Use it:    {USES[kind].format(path=shown)}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
