"""The routing stage: the first route that matches decides where pages and digests go."""

from typing import Final, NamedTuple

from alerting.commands.destination import ALERTMANAGER, SLACK, Destination
from alerting.commands.matching import matches
from alerting.incidents.incident import Incident
from config.settings import Settings


class Route(NamedTuple):
    """Where an incident goes, and whom its first message mentions."""

    destinations: tuple[str, ...]
    mention: str


class Routing:
    """The configured routes; what matches none goes to the channel for pages or digests."""

    name: Final = "routing"

    def __init__(self, settings: Settings) -> None:
        self._routes = settings.notify.routes
        self._pages = str(Destination(SLACK, settings.slack.channel))
        self._digests = str(Destination(SLACK, settings.slack.digest_channel or settings.slack.channel))

    @property
    def digests(self) -> str:
        """The destination of the digest of everything without a route."""
        return self._digests

    def route(self, incident: Incident) -> Route:
        """Return where a page about ``incident`` goes."""
        for route in self._routes:
            if matches(route.match, incident):
                destinations = tuple(dict.fromkeys(str(Destination.of(to)) for to in route.to))
                return Route(destinations, route.mention or "")
        return Route((self._pages,), "")

    def digest(self, incidents: list[Incident]) -> dict[str, list[Incident]]:
        """Return the incidents of each digest by destination, in the order given.

        The digests of an incident are those of the channels on its route. Alertmanager gets none: it takes
        what requires action now. What has no route is in the digest channel.
        """
        found: dict[str, list[Incident]] = {}
        for incident in incidents:
            route = self.route(incident)
            to = [one for one in route.destinations if Destination.of(one).sink != ALERTMANAGER]
            if route.destinations == (self._pages,):
                to = [self._digests]
            for destination in to or [self._digests]:
                found.setdefault(destination, []).append(incident)
        return found
