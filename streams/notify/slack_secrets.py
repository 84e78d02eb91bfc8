"""What Slack gave an app to authenticate with, from the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from config.secret import token_in
from config.settings import SlackSettings


class SlackSecrets(NamedTuple):
    """Each is empty where its variable is not set."""

    token: str
    app_token: str
    signing_secret: str

    def __repr__(self) -> str:
        return "SlackSecrets(…)"


def slack_secrets(slack: SlackSettings, environment: Mapping[str, str] = os.environ) -> SlackSecrets:
    """Return the secrets of the environment.

    Raises
    ------
    config.secret.SecretError
        When one cannot be sent in a header.
    """
    variables = (slack.token_env, slack.app_token_env, slack.signing_secret_env)
    return SlackSecrets(*(token_in(variable, environment) for variable in variables))
