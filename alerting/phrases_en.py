"""What messages say in English."""

from alerting.phrases_en_fixed import LABELS
from alerting.phrases_en_lists import EnglishLists
from alerting.phrases_fixed import Labels


class English(EnglishLists):
    """The phrases of ``alerting/phrases.py`` in English."""

    @property
    def locale(self) -> str:
        """The name of the language in the settings."""
        return "en"

    @property
    def labels(self) -> Labels:
        """What is said the same way every time."""
        return LABELS
