"""How many annealing steps a model needs: ``num_steps=auto``."""

from __future__ import annotations

from collections.abc import Iterator

from bench.likelihood.bidirectional import WIDE_NATS, Sandwich
from bench.likelihood.bridge import BridgeOptions

FIRST_STEPS = 50

# Simulated datapoints on which `ais` checks a number of steps.
CHECK_POINTS = 20


def candidates(options: BridgeOptions) -> Iterator[int]:
    """The numbers of steps to try, each twice the one before, up to ``most_steps``.

    >>> list(candidates(BridgeOptions(num_steps="auto", most_steps=300)))
    [50, 100, 200]
    """
    num_steps = min(FIRST_STEPS, options.most_steps)
    while num_steps <= options.most_steps:
        yield num_steps
        num_steps *= 2


def is_enough(options: BridgeOptions, found: Sandwich) -> bool:
    """Whether the mean gap and the looseness that the lower bounds expect themselves are within the tolerance.

    No single datapoint's bounds may be far apart either (`Sandwich.wide`), which a small mean gap can hide.
    """
    within = max(found.mean_gap, found.lower.looseness) <= options.tolerance
    return within and not bool(found.wide(max(WIDE_NATS, options.tolerance)).any())


def warnings(options: BridgeOptions, num_steps: int, found: Sandwich, enough: bool) -> tuple[str, ...]:
    """Warn of simulated datapoints with bounds far apart at the last number of steps, and if it was not ``enough``."""
    of_points = found.warnings("Lower tolerance." if enough else "Raise most_steps.")
    return of_points if enough else (*of_points, *shortfall(options, num_steps, found))


def shortfall(options: BridgeOptions, num_steps: int, found: Sandwich) -> tuple[str, ...]:
    """The warning that the largest number of steps is not enough."""
    warning = (
        f"num_steps=auto stopped at {num_steps} steps, and the mean gap between both bounds on simulated data is still "
        f"{found.mean_gap:.2g} nats, or the expected error or the gap of a single datapoint too large, for a tolerance "
        f"of {options.tolerance:g}: the estimates may be too low by as much. Raise most_steps."
    )
    return (warning,)
