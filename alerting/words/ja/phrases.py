"""What messages say in Japanese."""

from alerting.words.ja.fixed import LABELS
from alerting.words.ja.lists import JapaneseLists
from alerting.words.phrases_fixed import Labels


class Japanese(JapaneseLists):
    """The phrases of ``alerting/words/phrases.py`` in Japanese, as engineers write to each other."""

    @property
    def locale(self) -> str:
        """The name of the language in the settings."""
        return "ja"

    @property
    def labels(self) -> Labels:
        """What is said the same way every time."""
        return LABELS
