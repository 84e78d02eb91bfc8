"""The languages there are."""

from typing import Final

from alerting.words.en.phrases import English
from alerting.words.ja.phrases import Japanese
from alerting.words.phrases import Phrases

ENGLISH: Final[Phrases] = English()
JAPANESE: Final[Phrases] = Japanese()

LANGUAGES: Final[tuple[Phrases, ...]] = (ENGLISH, JAPANESE)

_BY_LOCALE: Final = {phrases.locale: phrases for phrases in LANGUAGES}


def phrases_of(locale: str) -> Phrases:
    """Return the words of a language of ``settings.notify.locale``.

    Raises
    ------
    KeyError
        When there is no such language; the settings allow none that is missing here.
    """
    return _BY_LOCALE[locale]
