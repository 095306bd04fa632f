"""The options that say where and how trials run, which `bench run` and `bench estimate` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bench import plugins
from bench.cli.values import count, duration
from bench.errors import UsageError
from bench.execution.execution import Execution


def execution_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --jobs, --threads, --device, --backend and --timeout to a command, which gets them as ``execution``.

    ``what`` names the things that run, in the singular: trial, model.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--jobs", type=count(1), help=f"{what.capitalize()}s at once  [default: one per core or CUDA device]"
        )
        @click.option("--threads", type=count(1), default=1, show_default=True, help=f"Threads per {what}")
        @click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
        @click.option(
            "--backend",
            type=_backend,
            metavar="NAME",
            default="loky",
            show_default=True,
            help=f"What runs them: {', '.join(plugins.find('backend'))}, or a file with a back end of your own",
        )
        @click.option("--timeout", type=duration, help=f"Longest time for a {what}: 90s, 30m, 2h  [default: none]")
        @wraps(command)
        def with_execution(
            jobs: int | None, threads: int, device: str, backend: str, timeout: float | None, **others: Any
        ) -> Any:
            return command(execution=Execution(jobs or 0, threads, device, backend, timeout), **others)

        return with_execution

    return decorate


def _backend(text: str) -> str:
    try:
        plugins.resolve("backend", text)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error
    return text
