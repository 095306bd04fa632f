"""Damaged files are named on the error stream by whatever reads them."""

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
