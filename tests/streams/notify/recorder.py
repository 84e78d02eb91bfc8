"""Whoever receives what Slack sends."""

from collections.abc import Mapping
from typing import Any


class Recorder:
    active = True

    def __init__(self) -> None:
        self.received: list[Mapping[str, Any]] = []

    def on_action(self, payload: Mapping[str, Any]) -> None:
        self.received.append(payload)

    def on_command(self, form: Mapping[str, str]) -> None:
        self.received.append(form)
