"""Step sizes that meet a target acceptance: Nesterov's dual averaging.

Source: Hoffman & Gelman 2014, "The No-U-Turn Sampler", section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

T0 = 10.0  # damps the first iterations
KAPPA = 0.75  # how fast the average forgets the first iterations


class DualAveraging:
    """Adapts log step sizes until the acceptance probability meets ``target``.

    ``initial`` is a number, for one step size shared by all chains, or a tensor of the shape of the acceptances, for
    one step size each.  ``step_size`` is the one to use while warming up, ``averaged`` the one to freeze afterwards.

    If ``horizon`` is given, the iteration count stops there, so that the gain no longer decreases and the step size can
    follow a model that is being trained.  The price is a permanent pull of log e towards mu, which shifts the
    acceptance by ``gamma * |mu - log e| / sqrt(horizon)``: 0.01 at a horizon of 200 and a step size 20 times off mu.

    >>> adaptation = DualAveraging(0.1, target=0.9)
    >>> adaptation.update(torch.tensor(1.0))  # everything was accepted
    >>> bool(adaptation.step_size > 0.1)
    True
    """

    def __init__(self, initial: float | Tensor, target: float, horizon: int | None = None, gamma: float = 0.05) -> None:
        """``target`` is an acceptance probability, 0.9 in the paper's Monte Carlo EM.

        ``gamma`` determines how strongly log e is pulled towards mu = log(10 initial).  With a single chain, whose
        acceptance is noisy, the default makes log e jump so far that the frozen step size is accepted at 0.95 instead
        of 0.9; 0.2 does not.
        """
        log_initial = (initial if isinstance(initial, Tensor) else torch.tensor(initial)).log()
        self.target = target
        self.horizon = horizon
        self.gamma = gamma
        self.iteration = 0
        self.mu = log_initial + math.log(10)
        self.mean_error = torch.zeros_like(log_initial)
        self.log_step_size = log_initial
        self.log_averaged = torch.zeros_like(log_initial)

    @property
    def step_size(self) -> Tensor:
        """The step size for the next iteration during adaptation."""
        return self.log_step_size.exp()

    @property
    def averaged(self) -> Tensor:
        """The step size to freeze after warm-up; the initial value before the first update."""
        return self.log_averaged.exp() if self.iteration else self.step_size

    def update(self, acceptance: Tensor) -> None:
        """Update from acceptance *probabilities*, of the shape of ``initial`` (a mean over chains, or one each)."""
        self.iteration += 1
        t = self.iteration if self.horizon is None else min(self.iteration, self.horizon)
        gain, forget = 1 / (t + T0), t**-KAPPA
        self.mean_error = (1 - gain) * self.mean_error + gain * (self.target - acceptance)
        self.log_step_size = self.mu - math.sqrt(t) / self.gamma * self.mean_error
        self.log_averaged = (1 - forget) * self.log_averaged + forget * self.log_step_size

    def state_dict(self) -> dict[str, object]:
        """Everything that the next update depends on, as numbers and tensors."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Continue exactly where `state_dict` was taken; raises KeyError if an entry is missing."""
        for name in vars(self):
            setattr(self, name, state[name])
