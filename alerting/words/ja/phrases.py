"""Japanese, assembled from its parts."""

from typing import Final

from alerting.words.ja import answers, digest, figures, incident, lists
from alerting.words.ja.labels import LABELS
from alerting.words.phrases import Phrases

JAPANESE: Final = Phrases(
    locale="ja",
    labels=LABELS,
    figures=figures,
    incident=incident,
    lists=lists,
    digest=digest,
    answers=answers,
)
