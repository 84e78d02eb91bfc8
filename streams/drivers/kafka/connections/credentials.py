"""Credentials for the brokers."""

from config.secret import SecretError, SecretPlace, passphrase_in


def secret(place: SecretPlace, setting: str) -> str:
    """Read a credential; an error names the setting, which has ``_env`` or ``_file`` behind ``setting``.

    Raises
    ------
    SecretError
        When there is none, or it is no usable text.
    """
    stated = f"{setting}_env" if place.file is None else f"{setting}_file"
    try:
        value = passphrase_in(place)
    except SecretError as error:
        raise SecretError(f"{stated}: {error}") from None
    if not value:
        raise SecretError(f"{stated}: the environment variable {place.variable or '(none named)'} is not set")
    return value
