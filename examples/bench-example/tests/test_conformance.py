"""The conformance checks of aevb-bench, one test each."""

import pytest

import bench

CHECKS = [check for name in ("iwae_loop", "stripes") for check in bench.plugin_checks(name)]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_keeps_the_contract(check):
    """It holds, or fails as declared."""
    check()
