"""Warnings on the error stream about the trials that are read: damaged files, stale trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.results.frames import Results


def warn_of_damage(*runs: Results) -> None:
    """Say which files of these runs are damaged or missing, and so whose numbers are left out."""
    for results in runs:
        for text in results.damage:
            click.echo(f"Warning: {text}", err=True)


def warn_of_stale(results: Results) -> None:
    """Say which trials other code or other data have made than the present or later ones."""
    from bench.reporting.captions import caveats

    for text in caveats.stale(results):
        click.echo(f"Warning: {text}", err=True)
