"""Adagrad as the paper uses it, and Adam as its followers do, on the same objective."""

from __future__ import annotations

import functools
import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

if TYPE_CHECKING:
    from torch.optim.optimizer import ParamsT

FUSED_ADAM = ("cpu", "cuda")


class Adaptive(Optimizer):
    """An optimiser that divides each gradient by the size of past ones, with a weight decay per group of parameters.

    In a small model the optimiser's calls take as long as the gradient, so this class does the same as `torch.optim`
    with as few calls as possible: one update count per group, and one fused operation for all its parameters.  It also
    omits the wrappers that PyTorch puts around its methods for `torch.compile`, which takes a second to import.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    moments: tuple[str, ...]  # the names of the tensors kept for each parameter

    def __init__(self, groups: ParamsT, lr: float, annealing: float = 0.0) -> None:
        """``groups`` are as in `torch.optim`; update t = 0, 1, ... has the step size ``lr / (1 + annealing t)``."""
        super().__init__(groups, {"lr": lr, "annealing": annealing, "weight_decay": 0.0, "updates": 0})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {name: torch.zeros_like(parameter) for name in self.moments}

    @abstractmethod
    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        moments: list[list[Tensor]],
        *,
        rate: float,
        decay: float,
        updates: int,
    ) -> None:
        """Change parameters and moments in place; ``updates`` counts from 1."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See `torch.optim.Optimizer.zero_grad`."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    parameter.grad.detach_().zero_()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """See `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for before in self._optimizer_step_pre_hooks.values():
            before(self, (), {})
        for group in self.param_groups:
            parameters, gradients, states = [], [], []
            for parameter in group["params"]:
                if (gradient := parameter.grad) is not None:
                    parameters.append(parameter)
                    gradients.append(gradient)
                    states.append(self.state[parameter])
            if gradients:
                self.update(
                    parameters,
                    gradients,
                    [[state[name] for state in states] for name in self.moments],
                    rate=group["lr"] / (1 + group["annealing"] * group["updates"]),
                    decay=group["weight_decay"],
                    updates=group["updates"] + 1,
                )
                group["updates"] += 1
        for after in self._optimizer_step_post_hooks.values():
            after(self, (), {})
        return loss

    step.hooked = True  # type: ignore[attr-defined]  # else PyTorch wraps it for its profiler


class Adagrad(Adaptive):
    """Duchi et al. 2011: ``theta -= rate g / (sqrt(sum of g^2) + 1e-10)``."""

    moments = ("sum",)
    epsilon = 1e-10

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        moments: list[list[Tensor]],
        *,
        rate: float,
        decay: float,
        updates: int,
    ) -> None:
        """See `Adaptive.update`."""
        (sums,) = moments
        device = parameters[0].device
        if _has_fused_adagrad(device):
            steps = [_one(device)] * len(parameters)  # `rate` is annealed already
            torch._fused_adagrad_(
                parameters, gradients, sums, steps, lr=rate, lr_decay=0.0, weight_decay=decay, eps=self.epsilon,
                maximize=False,
            )  # fmt: skip
            return
        gradients = _with_decay(gradients, parameters, decay)
        torch._foreach_addcmul_(sums, gradients, gradients)
        sizes = torch._foreach_sqrt(sums)  # noqa: SLF001
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_addcdiv_(parameters, gradients, sizes, value=-rate)


class Adam(Adaptive):
    """Kingma & Ba 2015, algorithm 1: ``theta -= rate m / (sqrt(v) + 1e-8)`` with unbiased moments m, v."""

    moments = ("first", "second")
    epsilon = 1e-8

    def __init__(
        self,
        groups: ParamsT,
        lr: float,
        annealing: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        """Like `Adaptive`; ``betas`` are the decay rates of the moments."""
        super().__init__(groups, lr, annealing)
        self.betas = betas

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        moments: list[list[Tensor]],
        *,
        rate: float,
        decay: float,
        updates: int,
    ) -> None:
        """See `Adaptive.update`."""
        (first, second), (beta1, beta2) = moments, self.betas
        device = parameters[0].device
        if device.type in FUSED_ADAM:
            steps = [torch.full((), float(updates), device=device)] * len(parameters)
            torch._fused_adam_(
                parameters, gradients, first, second, [], steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay,
                eps=self.epsilon, amsgrad=False, maximize=False,
            )  # fmt: skip
            return
        gradients = _with_decay(gradients, parameters, decay)
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, value=1 - beta2)
        sizes = torch._foreach_sqrt(second)  # noqa: SLF001
        torch._foreach_div_(sizes, math.sqrt(1 - beta2**updates))
        torch._foreach_add_(sizes, self.epsilon)
        torch._foreach_addcdiv_(parameters, first, sizes, value=-rate / (1 - beta1**updates))


def make_optimiser(
    name: str,
    theta: Iterable[nn.Parameter],
    learning_rate: float,
    *,
    num_data: int,
    phi: Iterable[nn.Parameter] = (),
    annealing: float = 0.0,
) -> Optimizer:
    """Return ``adagrad`` or ``adam`` for a loss in nats per datapoint; ``theta`` has the prior N(0, I), ``phi`` none.

    Maximising ``N mean L(x) + log p(theta)`` is equivalent to minimising ``-mean L(x) + |theta|^2 / 2N``: a weight
    decay of 1/N.  That term is part of the objective, so both optimisers scale its gradient like the rest (a decay that
    is decoupled from the gradient, as in AdamW, would have a different optimum, which is not a MAP estimate).  Both
    divide by the size of past gradients, so a parameter that does not affect the likelihood moves to its prior mode 0
    as fast as any other.  With ``annealing`` a, update t = 0, 1, ... has the step size ``learning_rate / (1 + a t)``.
    Sources: AEVB, appendices C and E; Kingma & Ba 2015, algorithm 1.  Raises ValueError for another ``name``.

    >>> theta = nn.Parameter(torch.ones(2))
    >>> optimiser = make_optimiser("adagrad", [theta], learning_rate=0.5, num_data=100)
    >>> (3 * theta).sum().backward()
    >>> optimiser.step()
    >>> theta.detach()
    tensor([0.5000, 0.5000])
    """
    groups = [{"params": [*theta], "weight_decay": 1.0 / num_data}, {"params": [*phi], "weight_decay": 0.0}]
    kinds: dict[str, type[Adaptive]] = {"adagrad": Adagrad, "adam": Adam}
    if name not in kinds:
        raise ValueError(f"`name` of an optimiser must be 'adagrad' or 'adam' (got {name!r}).")
    return kinds[name]([group for group in groups if group["params"]], learning_rate, annealing)


def warm_up(device: torch.device, *, is_foreign: bool = False) -> None:
    """Make PyTorch load what it needs for the first update; that takes seconds which would count as training time.

    An algorithm that is not shipped (``is_foreign``) may use one of PyTorch's own optimisers, which import its
    compiler.
    """
    parameter = nn.Parameter(torch.zeros(1, device=device))
    optimisers = [make_optimiser("adagrad", [parameter], 0.1, num_data=1)]
    for optimiser in [*optimisers, *([optim.Adagrad([parameter])] if is_foreign else [])]:
        parameter.square().sum().backward()
        optimiser.step()


@functools.cache
def _one(device: torch.device) -> Tensor:
    return torch.ones((), device=device)


@functools.cache
def _has_fused_adagrad(device: torch.device) -> bool:
    """Whether PyTorch has a fused Adagrad operation on this device: always on CPUs, on CUDA in newer versions."""
    if device.type == "cpu":
        return True
    if device.type != "cuda":
        return False
    one = [torch.ones((), device=device)]
    try:
        torch._fused_adagrad_(one, one, one, one, lr=0.1, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=False)
    except RuntimeError:  # older versions have no CUDA kernel for it, and raise NotImplementedError, a subclass
        return False
    return True


def _with_decay(gradients: list[Tensor], parameters: list[Tensor], decay: float) -> list[Tensor]:
    """The gradients of the loss plus ``decay |theta|^2 / 2``."""
    return [*torch._foreach_add(gradients, parameters, alpha=decay)] if decay else gradients  # noqa: SLF001
