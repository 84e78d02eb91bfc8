"""The languages that messages can be written in."""

from collections.abc import Mapping
from typing import Final

from alerting.incidents.incident import Incident
from alerting.words.ja import JAPANESE
from alerting.words.phrases import ENGLISH, NOBODY, Phrases

__all__ = ["ENGLISH", "JAPANESE", "LANGUAGES", "phrases_of", "translated_sentences"]

LANGUAGES: Final[tuple[Phrases, ...]] = (ENGLISH, JAPANESE)

_BY_LOCALE: Final = {phrases.locale: phrases for phrases in LANGUAGES}


def phrases_of(locale: str, accounts: Mapping[str, str] = NOBODY) -> Phrases:
    """Return the phrases of a language, with what people call the accounts, by id.

    Raises
    ------
    KeyError
        When ``settings.notify.locale`` allows a language that is missing here.
    """
    phrases = _BY_LOCALE[locale]
    return phrases._replace(accounts=accounts) if accounts else phrases


def translated_sentences(incident: Incident) -> dict[str, str]:
    """Return the sentence of an incident in each other language, by locale: its own is English."""
    others = (phrases for phrases in LANGUAGES if phrases is not ENGLISH)
    return {phrases.locale: phrases.incident.why(incident.primary) for phrases in others}
