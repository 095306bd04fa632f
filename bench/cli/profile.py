"""`bench profile`."""

from __future__ import annotations

import json

import click

from bench.cli.values import count, names


@click.command("profile")
@click.argument("algorithms", type=names, metavar="ALGORITHMS")
@click.option(
    "--beside",
    type=names,
    default="aevb",
    show_default=True,
    help="Reference algorithms; the weights and the bias of the encoder are those of the first",
)
@click.option(
    "--by",
    metavar="OPTION=VALUES",
    help="Measure gradients at these values of an option  [default: num_samples=1,4,16,64 if there is such an option]",
)
@click.option("--after", type=count(0), default="5e4", show_default=True, help="Training samples before measuring")
@click.option("--dataset", default="digits", show_default=True, help="Name of a data set, or the path of a file")
@click.option("--z", type=count(1), default=10, show_default=True, help="Latent dimensions")
@click.option("--model", default="mlp", show_default=True, help="Networks: a name from `bench list models`, or a file")
@click.option("--decoder", default="auto", show_default=True, help="Observation model p(x|z)")
@click.option("--repeats", type=count(1), help="Repetitions of each measurement  [default: some 20 s in all]")
@click.option("--threads", type=count(1), default=1, show_default=True, help="Threads")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or mps")
@click.option("--seed", type=count(0), default=0, show_default=True, help="Seed of data order, weights and noise")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Output format",
)
def command(
    algorithms: tuple[str, ...],
    beside: tuple[str, ...],
    by: str | None,
    after: int,
    dataset: str,
    z: int,
    model: str,
    decoder: str,
    repeats: int | None,
    threads: int,
    device: str,
    seed: int,
    form: str,
) -> None:
    """Where does the time of a step go, and how good are its gradients, beside a reference algorithm?

    ALGORITHMS are files or names with options in brackets: './mine.py,iwae[gradient=dreg]'.  Shows the time of each
    part of a step; the model evaluations per datapoint, counted and as declared; and, for encoder and decoder, the
    signal-to-noise ratio, the variance and the bias of the gradient, by the number of samples.

    Exit code 2 if the command was invalid, or an algorithm cannot be trained on the data.
    """
    from bench.api.profiles import profile
    from bench.cli.console import Output
    from bench.reporting import profiles
    from bench.reporting.tables.terminal import render_table
    from bench.reporting.writers.texts import markdown_table, markdown_text

    measured = profile(
        algorithms,
        beside=beside,
        by=by,
        after=after,
        dataset=dataset,
        z=z,
        model=model,
        decoder=decoder,
        repeats=repeats,
        threads=threads,
        device=device,
        seed=seed,
    )
    if form == "json":
        click.echo(json.dumps(profiles.record(measured), indent=1, allow_nan=False))
        return
    tables, notes = profiles.tables(measured), profiles.footnotes(measured)
    if form == "markdown":
        parts = [f"### {title}\n\n{markdown_table(table)}" for title, table in tables.items()]
        click.echo("\n\n".join([*parts, *map(markdown_text, notes)]))
        return
    console = Output()
    for title, table in tables.items():
        console.print(render_table(table, title, essential=profiles.QUALITIES))
        console.print()
    for note in notes:
        console.print(note, markup=False, highlight=False)
