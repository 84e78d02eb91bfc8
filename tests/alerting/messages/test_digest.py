"""The rankings of the morning's digest, in both languages."""

import pytest

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from config.settings import Settings
from detectors.watch.maturity import Maturity
from tests.alerting.given import T0, TABLE
from tests.alerting.message_makers import digest, said
from tests.alerting.messages.gallery import STANDINGS


def test_each_morning_has_a_digest_once_there_was_any_traffic() -> None:
    incidents = Incidents(Settings())
    assert not incidents.feed([], T0 + 86400)
    assert not incidents.feed([], T0 + 86460, (), [STANDINGS.most_used[0]])
    [notice] = incidents.feed([], T0 + 2 * 86400)
    assert (notice.action, notice.standings.most_used) == (Action.DIGEST, [STANDINGS.most_used[0]])


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_nothing_is_said_of_baselines_when_none_is_learnt_or_new(words: Phrases) -> None:
    quiet, hour = (digest([], standings=STANDINGS, maturity=of, words=words) for of in ([], [Maturity(T0)]))
    assert quiet == hour
    assert words.labels.digest_baselines not in said(quiet) + quiet.text


def test_what_became_judgeable_is_a_reason_for_a_digest_and_what_is_learnt_is_none() -> None:
    incidents = Incidents(Settings())
    incidents.feed([], T0)
    assert not incidents.feed([], T0 + 3600, maturity=[Maturity(T0 + 3600, learning=[3])])
    assert not incidents.feed([], T0 + 86400)
    new = Maturity(T0 + 86400 + 3600, {"table": 1}, [TABLE], [2])
    assert not incidents.feed([], T0 + 86400 + 3600, maturity=[new])
    restarted = Incidents(Settings())
    restarted.restore(incidents.snapshot())
    [notice] = restarted.feed([], T0 + 2 * 86400)
    assert (notice.action, notice.maturity) == (Action.DIGEST, [new])
    assert not restarted.feed([], T0 + 3 * 86400), "it was sent"
