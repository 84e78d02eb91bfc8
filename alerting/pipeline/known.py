"""All stages put together, and what there is to know of incidents on their way through them."""

from typing import NamedTuple

from alerting.commands.labels import Label
from alerting.incidents.digest_time import zone_of
from alerting.incidents.incident import Sent
from alerting.pipeline.command_handler import CommandHandler
from alerting.pipeline.daily_digest import DailyDigest
from alerting.pipeline.dedupe import Dedupe
from alerting.pipeline.first_delivery import FirstDelivery
from alerting.pipeline.flood import Floods
from alerting.pipeline.gate import Gate
from alerting.pipeline.incident_registry import IncidentRegistry
from alerting.pipeline.ledger import Ledger, StageAction
from alerting.pipeline.notice_intake import NoticeIntake
from alerting.pipeline.routing import Routing
from alerting.pipeline.silences import Silence
from alerting.pipeline.tracked_incident import TrackedIncident
from config.settings import Settings


class Fate(NamedTuple):
    """What became of an incident: ``alerted`` is the watermark at which its first message left."""

    sent: Sent
    reason: str
    alerted: int | None


class PipelineStages:
    """What the pipeline is made of, and answers about it; ``pipeline.pipeline`` lets time pass in it."""

    def __init__(self, settings: Settings, *, keep: bool = False) -> None:
        notify, zone = settings.notify, zone_of(settings.digest)
        self._ledger = Ledger()
        self._dedupe = Dedupe()
        self._gate = Gate(notify, zone, self._ledger)
        self._silences = self._gate.silences
        self._routing = Routing(settings)
        self._floods = Floods(notify.flood)
        self._stories = IncidentRegistry(keep=keep)
        self._opening = FirstDelivery(self._routing, self._floods, self._stories, self._ledger)
        self._asked = CommandHandler(self._stories, self._silences, self._dedupe)
        self._daily = DailyDigest(settings.digest, zone)
        self._intake = NoticeIntake(
            self._stories,
            self._gate,
            self._dedupe,
            asked=self._asked,
            daily=self._daily,
            routing=self._routing,
            floods=self._floods,
            ledger=self._ledger,
        )
        self._watermark = 0

    def find(self, incident: str) -> TrackedIncident | None:
        """Return what is known of an incident, None when it never was to be told or is forgotten."""
        return self._stories.get(incident, self._watermark)

    def known(self) -> list[TrackedIncident]:
        """Return all incidents that are remembered, oldest first."""
        return list(self._stories)

    def ongoing(self) -> list[TrackedIncident]:
        """Return the incidents that are not over, told or held, oldest first."""
        return [story for story in self._stories if story.over is None]

    def held(self) -> list[TrackedIncident]:
        """Return the incidents that are held, in the order in which they were first held."""
        return self._gate.held()

    def silences(self) -> list[Silence]:
        """Return the silences that hold, first ending first."""
        return self._silences.standing(self._watermark)

    @property
    def labels(self) -> list[Label]:
        """What people said of incidents, oldest first."""
        return self._asked.labels

    @property
    def counts(self) -> dict[str, int]:
        """How many incidents each stage held, dropped or reshaped so far, by its name."""
        return dict(sorted(self._ledger.counts.items()))

    @property
    def watermark(self) -> int:
        """Event time that has passed, epoch seconds."""
        return self._watermark

    @property
    def last_alert(self) -> int | None:
        """When an incident was first told last, epoch seconds; None when none is remembered."""
        return max((one.alerted for one in self._stories if one.alerted is not None), default=None)

    def turns(self) -> list[StageAction]:
        """Return what the stages did since this was asked last, for a log."""
        return self._ledger.read()

    def fate(self, incident: str) -> Fate | None:
        """Return what became of an incident that was to be told as a page; None for any other."""
        story = self._stories.get(incident)
        return None if story is None else Fate(story.sent, story.reason, story.alerted)
