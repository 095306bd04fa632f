"""The page: all tables and figures of a run in one file, the answer first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Page, PageContents

if TYPE_CHECKING:
    from bench.results.frames import Results


class Index(Page):
    """One page with everything: which is better, how surely and why; curves, tables and figures.

    It opens in any browser without a network.
    """

    def page(self, results: Results, contents: PageContents) -> str:
        """See `Page.page`."""
        if results.trials.empty:
            return ""
        from bench.reporting.page.build import build

        return build(results, contents)
