"""The errors of commands, apart from all that takes long to load."""


class CommandError(Exception):
    """A command cannot do what it was asked for; the text names the cause and the remedy, one a line.

    ``code`` is the exit code: 1 if something refused, 2 if the command line or what it names is wrong.
    """

    code = 1


class UsageError(CommandError):
    """The command line, or what it names, is wrong."""

    code = 2
