"""Adagrad as the paper uses it, and Adam as its followers do, on the same objective."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import torch
from torch import nn, optim
from torch.optim import Optimizer


class _Eager(Optimizer):
    """Without what PyTorch wraps around these methods for `torch.compile`, which takes a second to import."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class Adagrad(_Eager, optim.Adagrad):
    """`torch.optim.Adagrad`."""

    step = torch.no_grad()(inspect.unwrap(optim.Adagrad.step))


class Adam(_Eager, optim.Adam):
    """`torch.optim.Adam`."""

    step = torch.no_grad()(inspect.unwrap(optim.Adam.step))


def make_optimiser(
    name: str,
    theta: Iterable[nn.Parameter],
    learning_rate: float,
    *,
    num_data: int,
    phi: Iterable[nn.Parameter] = (),
    annealing: float = 0.0,
) -> Optimizer:
    """``adagrad`` or ``adam`` for a loss in nats per datapoint; ``theta`` have the prior N(0, I), ``phi`` have none.

    Maximising ``N mean L(x) + log p(theta)`` is minimising ``-mean L(x) + |theta|^2 / 2N``: a weight decay of 1/N.
    That term is part of the objective, so both optimisers scale its gradient like the rest (a decay that is decoupled
    from the gradient, as in AdamW, would have another optimum, which is not a MAP estimate).  Both divide by the size
    of past gradients: a parameter that does not affect the likelihood moves to its prior mode 0 as fast as any other.
    ``annealing`` a makes the step of update t = 0, 1, ... ``learning_rate / (1 + a t)``.
    Sources: AEVB, appendices C and E; Kingma & Ba 2015, algorithm 1.  Raises ValueError for another ``name``.

    >>> theta = nn.Parameter(torch.ones(2))
    >>> optimiser = make_optimiser("adagrad", [theta], learning_rate=0.5, num_data=100)
    >>> (3 * theta).sum().backward()
    >>> optimiser.step()
    >>> theta.detach()
    tensor([0.5000, 0.5000])
    """
    theta, phi = [*theta], [*phi]
    on_cpu = all(parameter.device.type == "cpu" for parameter in [*theta, *phi])
    decays = ((theta, 1.0 / num_data), (phi, 0.0))
    groups = [{"params": parameters, "weight_decay": decay} for parameters, decay in decays if parameters]
    fused, foreach = on_cpu, not on_cpu  # fused: one pass over memory, a third to a sixth of the time of the others
    if name == "adagrad":
        return Adagrad(groups, lr=learning_rate, lr_decay=annealing, fused=fused, foreach=foreach)
    if name == "adam":
        return _annealed(Adam(groups, lr=learning_rate, fused=fused, foreach=foreach), annealing)
    raise ValueError(f"`name` of an optimiser must be 'adagrad' or 'adam' (got {name!r}).")


def warm_up(device: torch.device, *, is_foreign: bool = False) -> None:
    """Make PyTorch load what it loads at the first update: seconds that would be charged to the algorithm.

    One that is not shipped (``is_foreign``) may use an optimiser of PyTorch itself, which imports all of its compiler.
    """
    parameter = nn.Parameter(torch.zeros(1, device=device))
    optimisers = [make_optimiser("adagrad", [parameter], 0.1, num_data=1)]
    for optimiser in [*optimisers, *([optim.Adagrad([parameter])] if is_foreign else [])]:
        parameter.square().sum().backward()
        optimiser.step()


def _annealed(optimiser: Optimizer, annealing: float) -> Optimizer:
    """The optimiser with `Adagrad`'s annealing; the count of updates is saved with its state."""
    if annealing == 0:
        return optimiser
    for group in optimiser.param_groups:
        group.update(initial_lr=group["lr"], updates=0)

    def anneal(optimiser: Optimizer, *_: object) -> None:
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] / (1 + annealing * group["updates"])
            group["updates"] += 1

    optimiser.register_step_pre_hook(anneal)
    return optimiser
