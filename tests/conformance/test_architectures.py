"""Every architecture satisfies the contract."""

from __future__ import annotations

import pytest

from bench import plugins
from bench.api.checks import plugin_checks
from bench.conformance.suite import BoundCheck
from bench.plugins import PluginRef


@pytest.mark.parametrize(
    "check", [check for name in plugins.find("model") for check in plugin_checks(name, "model")], ids=str
)
def test_keeps_the_contract(check: BoundCheck) -> None:
    check()


@pytest.mark.parametrize("plugin", plugins.find("model").values(), ids=lambda plugin: plugin.name)
def test_documents_itself(plugin: PluginRef) -> None:
    assert len(plugin.summary()) > 10
