"""What Slack gave an app to authenticate with, from files or the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from config.secret import token_in
from config.settings import SlackSettings


class SlackSecrets(NamedTuple):
    """Each is empty where it is not given."""

    token: str
    app_token: str
    signing_secret: str

    def __repr__(self) -> str:
        return "SlackSecrets(…)"


def slack_secrets(slack: SlackSettings, environment: Mapping[str, str] = os.environ) -> SlackSecrets:
    """Return the secrets.

    Raises
    ------
    config.secret.SecretError
        When one cannot be read, or sent in a header.
    """
    places = (slack.token, slack.app_token, slack.signing_secret)
    return SlackSecrets(*(token_in(place, environment) for place in places))
