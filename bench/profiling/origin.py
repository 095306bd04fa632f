"""The state of an algorithm that repetitions of a step start from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.algorithm import Algorithm
from bench.errors import PluginError, in_words


class Origin:
    """Where an algorithm stands now, to go back to; its optimisers are left alone, so they must not step meanwhile."""

    def __init__(self, algorithm: Algorithm) -> None:
        """Raises PluginError if the state cannot be saved."""
        self._algorithm = algorithm
        self._names = {*vars(algorithm)}
        self._modules: list[tuple[Tensor, Tensor]] = []  # each weight and buffer, and its value
        try:
            state = algorithm.state_dict()
        except TypeError as error:
            raise PluginError(f"A step cannot be repeated, since the state cannot be saved: {error}") from error
        self._rest: Mapping[str, object] = state
        if type(algorithm).load_state_dict is Algorithm.load_state_dict:  # which takes any part of the state
            modules = {name: value for name, value in vars(algorithm).items() if isinstance(value, nn.Module)}
            for module in modules.values():
                self._modules += [(value, value.clone()) for value in module.state_dict().values()]
            self._rest = {
                name: value
                for name, value in state.items()
                if name not in modules and not isinstance(vars(algorithm).get(name), Optimizer)
            }

    def restore(self) -> None:
        """Restore the state; attributes added since then are removed.  Raises PluginError if that is not possible."""
        with torch.no_grad():
            for value, before in self._modules:
                value.copy_(before)
        try:
            self._algorithm.load_state_dict(self._rest)
        except Exception as error:
            name = self._algorithm.plugin_name()
            raise PluginError(f"The state of {name} cannot be restored: {in_words(error)}") from error
        for name in {*vars(self._algorithm)} - self._names:
            delattr(self._algorithm, name)
