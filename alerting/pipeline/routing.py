"""The stage that says who is told: the first route that matches decides, for pages and for digests."""

from typing import Final, NamedTuple

from alerting.commands.destination import ALERTMANAGER, SLACK, Destination
from alerting.commands.matching import matches
from alerting.incidents.incident import Incident
from config.settings import Settings


class Route(NamedTuple):
    """Where an incident goes, and whom its first message calls."""

    destinations: tuple[str, ...]
    mention: str
    reason: str


class Routing:
    """Routes of the configuration; what matches none goes to the channel of pages, or of digests."""

    name: Final = "routing"

    def __init__(self, settings: Settings) -> None:
        self._routes = settings.notify.routes
        self._pages = str(Destination(SLACK, settings.slack.channel))
        self._digests = str(Destination(SLACK, settings.slack.digest_channel or settings.slack.channel))

    @property
    def digests(self) -> str:
        """Where the digest goes that is no route's own."""
        return self._digests

    def way(self, incident: Incident) -> Route:
        """Return where a page about ``incident`` goes."""
        for number, route in enumerate(self._routes, 1):
            if matches(route.match, incident):
                destinations = tuple(dict.fromkeys(str(Destination.of(to)) for to in route.to))
                return Route(destinations, route.mention or "", f"route {number}")
        return Route((self._pages,), "", "no route matches")

    def digest(self, incidents: list[Incident]) -> dict[str, list[Incident]]:
        """Return what each digest holds, by destination, in the order given.

        An incident is in the digests of the channels that its route leads to. An Alertmanager gets none: it
        takes what is to be acted on now. What has no route is in the digest channel.
        """
        found: dict[str, list[Incident]] = {}
        for incident in incidents:
            way = self.way(incident)
            to = [one for one in way.destinations if Destination.of(one).sink != ALERTMANAGER]
            if way.destinations == (self._pages,):
                to = [self._digests]
            for destination in to or [self._digests]:
                found.setdefault(destination, []).append(incident)
        return found
