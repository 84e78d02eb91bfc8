"""The phrases of messages in one language (docs/adr/0013)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.words.answers import AnswerPhrases
from alerting.words.digest import DigestPhrases
from alerting.words.figures import Figures
from alerting.words.incident import IncidentPhrases
from alerting.words.labels import Labels
from alerting.words.mrkdwn import clean, cut, when
from alerting.words.stated_texts import NAMED_CHANGES
from detectors.model.scope import ACCOUNT, TABLE, ScopeOrEdge

NAMED_ROUTES: Final = 3
LONGEST_ROUTE: Final = 50
_COUNTED: Final = 3600  # seconds of an incident that its count may lack: where it began is less exact

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class Phrases(NamedTuple):
    """The phrases of one language, part by part."""

    locale: str = "en"  # as in ``notify.locale``
    labels: Labels = Labels()
    figures: Figures = Figures()
    incident: IncidentPhrases = IncidentPhrases()
    digest: DigestPhrases = DigestPhrases()
    answers: AnswerPhrases = AnswerPhrases()
    accounts: Mapping[str, str] = NOBODY  # what people call accounts, by id

    def affected_by(self, incident: Incident) -> str:
        """Return the requests and routes that an incident hurts; empty if they are unknown."""
        requests, seconds, routes, more = incident.reached
        named = [cut(clean(route.name), LONGEST_ROUTE) for route in routes[:NAMED_ROUTES]]
        among, primary = "", incident.primary
        is_table, lasted = primary.about.kind == TABLE, self.figures.duration(seconds)
        if primary.missed and requests is not None:
            among = self.incident.missing(primary.missed, lasted, is_table=is_table)
        elif requests is not None:
            is_last = primary.until - primary.start - seconds > _COUNTED
            among = self.incident.reached_by(requests, lasted, is_table=is_table, is_last=is_last)
        rest = more + max(0, len(routes) - NAMED_ROUTES)
        return " · ".join(part for part in (among, self.incident.routes(named, rest)) if part)

    def after_changes(self, incident: Incident, most: int = NAMED_CHANGES) -> list[str]:
        """Return the changes before an incident, the nearest first, as plain text."""
        return self.incident.after_changes(incident, most)

    def named(self, incident: Incident) -> Incident:
        """Return an incident, for its title and sentence: an account under the name that people use."""
        about, primary = incident.primary.scope, incident.primary
        if about is None or about.kind != ACCOUNT or about.account not in self.accounts:
            return incident
        shown = about._replace(name=self.account(about.account))
        return replace(incident, primary=replace(primary, scope=shown))

    def account(self, account: str) -> str:
        """Return the id of an account after its configured name: plain text, which the caller escapes."""
        return self.figures.account(account, self.accounts.get(account, ""))

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account (with its name) and region."""
        return self.figures.place(scope, self.accounts.get(scope.account, ""))

    def when(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as mrkdwn, which Slack shows in the reader's time zone and language."""
        return when(epoch, self.figures.clock(epoch, zone), day=day)


ENGLISH: Final = Phrases()
