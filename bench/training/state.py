"""The state of a training algorithm: saved and restored, whatever it consists of."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench.training.problem import Problem


class StateMixin:
    """Saves and restores all that `setup` and `step` put on an algorithm."""

    device: torch.device
    _configuration: frozenset[str]  # names of what the constructor set: no state

    def state_dict(self) -> dict[str, object]:
        """A copy of all that the next update depends on, random state included.

        Raises TypeError for an attribute that cannot be saved.
        """
        return {
            name: _saved(name, value)
            for name, value in vars(self).items()
            if name not in self._configuration and not isinstance(value, Problem)
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restore what `state_dict` returned, after `setup` on the same problem."""
        for name, saved in state.items():
            value = getattr(self, name, None)
            if isinstance(value, torch.Generator) and isinstance(saved, Tensor):
                value.set_state(saved.cpu())
            elif value is not None and hasattr(value, "load_state_dict"):
                value.load_state_dict(copy.deepcopy(saved))
            else:
                setattr(self, name, saved.to(self.device, copy=True) if isinstance(saved, Tensor) else saved)


def _saved(name: str, value: object) -> object:
    """The state of one attribute, as a copy."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, (nn.Module, torch.optim.Optimizer)) or hasattr(value, "state_dict"):
        return copy.deepcopy(value.state_dict())
    if isinstance(value, Tensor):
        return value.detach().clone()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"The attribute `{name}` ({type(value).__name__}) cannot be saved: make it a tensor, number, text, module, "
        "optimiser or generator, or give it state_dict and load_state_dict."
    )
