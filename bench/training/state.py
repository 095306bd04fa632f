"""The state of a training algorithm: saved and restored, whatever it consists of."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.problem import Problem


class StateMixin:
    """Saves and restores all attributes that `setup` and `step` set on an algorithm."""

    device: torch.device
    _configuration: frozenset[str]  # names of attributes set by the constructor, which are not state

    def state_dict(self) -> dict[str, object]:
        """Return a copy of everything that the next update depends on, including random state.

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
            setattr(self, name, _restored(getattr(self, name, None), saved, self.device))


def _saved(name: str, value: object) -> object:
    """Return a copy of the state of one attribute."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, (nn.Module, torch.optim.Optimizer)) or hasattr(value, "state_dict"):
        return copy.deepcopy(value.state_dict())
    if isinstance(value, Tensor):
        return value.detach().clone()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return [_saved(f"{name}[{i}]", each) for i, each in enumerate(value)]
    if isinstance(value, dict) and type(value) is dict and all(isinstance(key, (int, str)) for key in value):
        return {key: _saved(f"{name}[{key!r}]", each) for key, each in value.items()}
    raise TypeError(
        f"The attribute `{name}` ({type(value).__name__}) cannot be saved: make it a tensor, number, text, module, "
        "optimiser or generator, a list or dict of these, or give it state_dict and load_state_dict."
    )


def _restored(value: Any, saved: Any, device: torch.device) -> object:
    """Return the restored attribute: the object that `setup` created, in its saved state, or the saved value itself."""
    if isinstance(value, torch.Generator) and isinstance(saved, Tensor):
        value.set_state(saved.cpu())
        return value
    if value is not None and hasattr(value, "load_state_dict"):
        value.load_state_dict(copy.deepcopy(saved))
        return value
    if isinstance(saved, list):
        present = [*value] if isinstance(value, (list, tuple)) else []
        present += [None] * (len(saved) - len(present))
        made = [_restored(here, each, device) for here, each in zip(present, saved, strict=False)]
        return tuple(made) if isinstance(value, tuple) else made
    if isinstance(saved, dict):
        known = value if isinstance(value, dict) else {}
        return {key: _restored(known.get(key), each, device) for key, each in saved.items()}
    return saved.to(device, copy=True) if isinstance(saved, Tensor) else saved
