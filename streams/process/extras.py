"""Modules that only some commands need, and how to install them (``[project.optional-dependencies]``)."""

import shlex
import sys
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path
from typing import Final

EXTRAS: Final = {
    "optuna": "tune",
    "boto3": "aws",
    "aws_msk_iam_sasl_signer": "msk",
    "fastavro": "registry",
    "joserfc": "pubsub",
    "mcp": "mcp",
    "uvicorn": "mcp",
}
"""The extra that brings a module."""


class MissingExtraError(ModuleNotFoundError):
    """A module of an extra is not installed; one line with the command that installs it."""


def need(module: str, what: str) -> None:
    """Check that a module is installed, before minutes of work.

    Parameters
    ----------
    module
        A key of ``EXTRAS``.
    what
        Name of the command, option or file that needs it.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    if find_spec(module) is None:
        raise MissingExtraError(_explained(module, what), name=module)


def missing(error: ModuleNotFoundError) -> str | None:
    """Return the line to show for a module that was not found; None if no extra would bring it."""
    if isinstance(error, MissingExtraError):
        return str(error)
    module = (error.name or "").partition(".")[0]
    return _explained(module, "this command") if module in EXTRAS else None


def _explained(module: str, what: str) -> str:
    extra = EXTRAS[module]
    return f"{what} needs {module}, of the extra uneri[{extra}]; install it with: {_command(extra, module)}"


def _command(extra: str, module: str) -> str:
    """Return the command for the tool that this environment was made by.

    It names the packages of the extra, and not Uneri: an index may have something else under that name.
    """
    wanted = [
        line.partition(";")[0].strip()
        for line in requires("uneri") or ()
        if line.partition(";")[2].replace('"', "'").strip() == f"extra == '{extra}'"
    ]
    home = Path(sys.prefix)
    if (home / "pipx_metadata.json").exists():
        command = ["pipx", "inject", home.name]
    elif (home / "uv-receipt.toml").exists():  # has no pip
        command = ["uv", "pip", "install", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install"]
    return shlex.join([*command, *(wanted or [module])])
