"""What messages say in English."""

from alerting.words.en.fixed import LABELS
from alerting.words.en.lists import EnglishLists
from alerting.words.phrases_fixed import Labels


class English(EnglishLists):
    """The phrases of ``alerting/words/phrases.py`` in English."""

    @property
    def locale(self) -> str:
        """The name of the language in the settings."""
        return "en"

    @property
    def labels(self) -> Labels:
        """What is said the same way every time."""
        return LABELS
