"""English, assembled from its parts."""

from typing import Final

from alerting.words.en import answers, digest, figures, incident, lists
from alerting.words.en.labels import LABELS
from alerting.words.phrases import Phrases

ENGLISH: Final = Phrases(
    locale="en",
    labels=LABELS,
    figures=figures,
    incident=incident,
    lists=lists,
    digest=digest,
    answers=answers,
)
