"""The options that say where and how trials run, which `bench run` and `bench estimate` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bench import options, plugins
from bench.cli.values import count, duration
from bench.errors import UsageError
from bench.execution.execution import Execution
from bench.values import calls

OWNERS = {"scheduler": "dask", "address": "ray"}  # the back ends that have these options


def execution_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --jobs, --threads, --device, --backend and --timeout to a command, which receives them as ``execution``.

    ``what`` names the things that run, in the singular: trial, model.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--jobs",
            type=count(1),
            help=f"{what.capitalize()}s at once  [default: one per core or CUDA device, or as many as a cluster runs]",
        )
        @click.option("--threads", type=count(1), default=1, show_default=True, help=f"Threads per {what}")
        @click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, mps, or several: cuda:0,cuda:1"
        )
        @click.option(
            "--jobs-per-device",
            type=count(1),
            default=1,
            show_default=True,
            help=f"{what.capitalize()}s that share a GPU",
        )
        @click.option(
            "--backend",
            type=_backend,
            metavar="NAME",
            default="loky",
            show_default=True,
            help=f"What runs them: {', '.join(plugins.find('backend'))}, or a file with a back end of your own",
        )
        @click.option("--scheduler", metavar="ADDRESS", help="Address of the Dask scheduler: tcp://HOST:8786")
        @click.option("--address", help="Address of the Ray cluster: auto, HOST:6379")
        @click.option("--timeout", type=duration, help=f"Longest time for a {what}: 90s, 30m, 2h  [default: none]")
        @wraps(command)
        def with_execution(
            jobs: int | None,
            threads: int,
            device: str,
            jobs_per_device: int,
            backend: str,
            timeout: float | None,
            scheduler: str | None,
            address: str | None,
            **others: Any,
        ) -> Any:
            backend = _at(backend, scheduler=scheduler, address=address)
            return command(
                execution=Execution(jobs or 0, threads, device, backend, timeout, per_device=jobs_per_device), **others
            )

        return with_execution

    return decorate


def _at(backend: str, **places: str | None) -> str:
    """The back end with the location of its cluster as options in its brackets."""
    name, settings = calls.parse_call(backend)
    for option, place in places.items():
        if place is None:
            continue
        if option not in options.names(plugins.resolve("backend", backend)[0].load().Options):
            raise click.BadParameter(
                f"the back end {name} has no such option: give --backend {OWNERS[option]} with it.",
                param_hint=f"--{option}",
            )
        if option in settings:
            raise click.BadParameter(
                f"--backend gives {option} as well: leave one of them out.", param_hint=f"--{option}"
            )
        settings[option] = place
    return calls.call(name, settings)


def _backend(text: str) -> str:
    try:
        plugins.resolve("backend", text)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error
    return text
