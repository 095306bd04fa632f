"""Warnings on the error stream about the trials that are read: damaged files, stale trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.results.frames import Results


def warn_of_damage(*runs: Results) -> None:
    """Warn which files of these runs are damaged or missing, so that their numbers are left out."""
    for results in runs:
        for text in results.damage:
            click.echo(f"Warning: {text}", err=True)


def warn_of_stale(results: Results) -> None:
    """Warn which trials were made by code or data other than the current or later ones."""
    from bench.reporting.captions import caveats

    for text in caveats.stale(results):
        click.echo(f"Warning: {text}", err=True)
