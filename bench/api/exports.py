"""Writing results as tables for other programs."""

from __future__ import annotations

import gzip
from os import PathLike
from typing import TYPE_CHECKING, Literal, get_args

from bench.api import arguments
from bench.api.loading import load
from bench.errors import OptionError, StoreError
from bench.values.paths import user_path
from bench.values.texts import quoted

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bench.results.frames import Results

What = Literal[
    "trials",
    "trace",
    "diagnostics",
    "likelihoods",
    "likelihood_trace",
    "diagnosis",
    "latents",
    "tuning",
    "rate_distortion",
]
Format = Literal["csv", "parquet", "json"]


def export(
    run: Results | str | PathLike[str],
    what: What = "trials",
    *,
    format: Format | None = None,
    out: str | PathLike[str] | None = None,
) -> str:
    """Export one tidy table of a run: one row per trial, evaluation, estimate or model, depending on ``what``.

    ``run`` is a run folder, or results from `bench.load`.  The table is written to the file ``out`` if given, and
    returned as text otherwise.  ``format`` defaults to that of the file extension (.csv, .json, .parquet), or CSV if
    there is none.  Parquet needs a file; a file that ends in .gz is compressed.  In CSV, text that a spreadsheet would
    interpret as a formula is prefixed with an apostrophe.

    Returns the text, or an empty string if it was written to a file.  Raises OptionError for an unknown ``what`` or
    ``format``, StoreError if there is no run or the file cannot be written.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02]", z=2, seeds=1, n_train=100, budget=200, hidden=8,
    ...         likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=bench.Execution(backend="sequential"), quiet=True,
    ...     )
    ...     text = bench.export(f"{folder}/run", "likelihoods")
    >>> text.partition(",log_likelihood,")[0]
    'trial,algorithm,dataset,z,n_train,seed,estimator,split,num_points,num_failed'
    """
    from bench.results.frames import Results

    arguments.one_of("what", what, get_args(What))
    target = user_path("out", out) if out is not None else None
    chosen = arguments.one_of("format", format or _format(target), get_args(Format))
    table: pd.DataFrame = getattr(run if isinstance(run, Results) else load(run), what)
    if target is None:
        if chosen == "parquet":
            raise StoreError("Parquet is not text: give `out`, the name of a file.")
        return _text(table, chosen)
    content = (
        table.to_parquet(index=False) if chosen == "parquet" else _text(table, chosen).encode(errors="backslashreplace")
    )
    try:
        target.write_bytes(gzip.compress(content, mtime=0) if target.suffix.lower() == ".gz" else content)
    except OSError as error:
        raise StoreError(
            f"`out` {quoted(str(target))} cannot be written ({error.strerror}): choose another file."
        ) from error
    return ""


def _format(target: Path | None) -> str:
    """The format that a file's extension denotes, ignoring a final .gz; CSV if there is no extension."""
    endings = [suffix.lower() for suffix in target.suffixes[-2:]] if target is not None else []
    ending = (endings[:-1] if endings[-1:] == [".gz"] else endings)[-1:]
    if not ending:
        return "csv"
    if ending[0][1:] not in get_args(Format) or endings[-2:] == [".parquet", ".gz"]:
        raise OptionError(
            f"`out` must end in .csv, .csv.gz, .json, .json.gz or .parquet (got {quoted(str(target))}): choose such a "
            "name, or give `format` too."
        )
    return ending[0][1:]


def _text(table: pd.DataFrame, form: str) -> str:
    from bench.reporting.writers.texts import csv_text

    if form == "csv":
        return csv_text(table)
    return f"{table.to_json(orient='records', indent=1, double_precision=15)}\n"
