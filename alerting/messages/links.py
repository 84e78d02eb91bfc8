"""What messages need of links: ``config.links.Links`` is one."""

from typing import Protocol


class LinkMaker(Protocol):
    """Makes console links with an incident's time range."""

    def kinds(self, scope: str, *, cloud: str) -> tuple[str, ...]:
        """Return the kinds of link there are for a kind of scope: ``("table", "table_metrics")``."""

    def url(
        self,
        kind: str,
        *,
        cloud: str,
        account: str,
        region: str,
        name: str,
        start: float,
        end: float,
        version: str = "",
        status: str = "500",
        error: str = "",
    ) -> str | None:
        """Return the https URL over ``start`` to ``end`` (epoch seconds), None when there is none."""
