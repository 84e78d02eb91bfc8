"""What the codes of open verdicts mean."""

from typing import Final

from detectors.judge import kernel
from detectors.model.finding import Verdict

CODES: Final[tuple[Verdict | None, ...]] = (None, *Verdict)
"""Index into this tuple is the code in a ``Judgement``."""

SPIKE: Final = CODES.index(Verdict.SPIKE)
DROP: Final = CODES.index(Verdict.DROP)
SHIFT: Final = CODES.index(Verdict.SHIFT)

if (SPIKE, DROP, SHIFT) != (kernel.SPIKE, kernel.DROP, kernel.SHIFT):
    raise ValueError("the codes of the kernel are not the order of the verdicts")
