"""The languages that messages can be written in."""

from typing import Final

from alerting.words.en.phrases import ENGLISH
from alerting.words.ja.phrases import JAPANESE
from alerting.words.phrases import Phrases

__all__ = ["ENGLISH", "JAPANESE", "LANGUAGES", "phrases_of"]

LANGUAGES: Final[tuple[Phrases, ...]] = (ENGLISH, JAPANESE)

_BY_LOCALE: Final = {phrases.locale: phrases for phrases in LANGUAGES}


def phrases_of(locale: str) -> Phrases:
    """Return the phrases of a language.

    Raises
    ------
    KeyError
        When ``settings.notify.locale`` allows a language that is missing here.
    """
    return _BY_LOCALE[locale]
