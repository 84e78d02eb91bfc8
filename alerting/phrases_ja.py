"""What messages say in Japanese."""

from alerting.phrases_fixed import Labels
from alerting.phrases_ja_fixed import LABELS
from alerting.phrases_ja_lists import JapaneseLists


class Japanese(JapaneseLists):
    """The phrases of ``alerting/phrases.py`` in Japanese, as engineers write to each other."""

    @property
    def locale(self) -> str:
        """The name of the language in the settings."""
        return "ja"

    @property
    def labels(self) -> Labels:
        """What is said the same way every time."""
        return LABELS
