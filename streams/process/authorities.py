"""The authorities that a client trusts: those of the system, or of a file of the configuration."""

import ssl

from config.secret import SecretError


def forgive(context: ssl.SSLContext) -> None:
    """Accept what companies' own authorities are: often without extensions of RFC 5280, or not the root."""
    strict, partial = ssl.VERIFY_X509_STRICT, ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags = (context.verify_flags & ~strict) | partial


def trust(context: ssl.SSLContext, file: str | None, setting: str) -> None:
    """Load the authorities of a file, which a setting names, besides those that the context has.

    Raises
    ------
    SecretError
        When the file cannot be used.
    """
    if file is None:
        return
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise SecretError(
            f"{setting}: {file} holds no certificate in PEM format ({error.reason or error}); convert "
            "it, from a Java truststore with `keytool -exportcert -rfc`"
        ) from None
    except OSError as error:
        raise SecretError(f"{setting}: {file} cannot be read ({error.strerror}); correct the path") from None


def system_and(file: str | None, setting: str) -> ssl.SSLContext:
    """Return the context for a server whose authority may be the system's or that of a file.

    Raises
    ------
    SecretError
        When the file cannot be used.
    """
    context = ssl.create_default_context()
    forgive(context)
    trust(context, file, setting)
    return context
