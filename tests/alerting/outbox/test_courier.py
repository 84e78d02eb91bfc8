"""The courier's clock."""

import time
from unittest.mock import patch

from alerting.outbox.courier import SystemClock


def test_a_clock_that_is_set_holds_no_message_back() -> None:
    clock = SystemClock()
    began = clock.now()
    assert abs(began - time.time()) < 5
    with patch.object(time, "time", lambda: began - 3600):
        assert 0 <= clock.now() - began < 60
