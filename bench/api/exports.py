"""Writing results as tables for other programs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from bench.api.loading import load
from bench.errors import OptionError, StoreError

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.frames import Results

What = Literal["trials", "trace", "diagnostics", "likelihoods", "likelihood_trace", "diagnosis", "latents"]
Format = Literal["csv", "parquet", "json"]


def export(
    run: Results | str | PathLike[str],
    what: What = "trials",
    *,
    format: Format | None = None,
    out: str | PathLike[str] | None = None,
) -> str:
    """One tidy table of a run: one row per trial, evaluation, estimate or model, depending on ``what``.

    ``run`` is a run folder, or results from `bench.load`.  Writes the table to the file ``out``, or returns it as text
    if there is none.  ``format`` is by default that of the file's ending, else CSV; Parquet needs a file.  In CSV a
    text that a spreadsheet would take for a formula begins with an apostrophe.

    Returns the text, or nothing (``""``) if it was written to a file.  Raises OptionError for another ``what`` or
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

    target = Path(out) if out is not None else None
    chosen = format or _format(target)
    for name, value, known in (("what", what, get_args(What)), ("format", chosen, get_args(Format))):
        if value not in known:
            raise OptionError(f"`{name}` must be {', '.join(known[:-1])} or {known[-1]} (got {value!r}).")
    table: pd.DataFrame = getattr(run if isinstance(run, Results) else load(run), what)
    if target is None:
        if chosen == "parquet":
            raise StoreError("Parquet is not text: name a file with -o FILE.")
        return _text(table, chosen)
    try:
        if chosen == "parquet":
            table.to_parquet(target, index=False)
        else:
            target.write_text(_text(table, chosen), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"`out` {str(out)!r} cannot be written ({error.strerror}): choose another file.") from error
    return ""


def _format(target: Path | None) -> str:
    ending = target.suffix[1:] if target is not None else ""
    return ending if ending in get_args(Format) else "csv"


def _text(table: pd.DataFrame, form: str) -> str:
    from bench.reporting.writers.texts import csv_text

    if form == "csv":
        return csv_text(table)
    return f"{table.to_json(orient='records', indent=1, double_precision=15)}\n"
