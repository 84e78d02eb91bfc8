"""Fixtures for the tests of the senders: one DynamoDB, and one folder with the SDK for Node.js."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.senders.dynamo import Dynamo, dynamo
from tests.senders.lambda_runtime import HERE, SENDERS

collect_ignore = ["functions"]  # loaded in processes of their own


@pytest.fixture(scope="package")
def served() -> Iterator[Dynamo]:
    with dynamo() as found:
        yield found


@pytest.fixture
def store(served: Dynamo) -> Dynamo:
    """Return a DynamoDB of which nothing was asked yet."""
    served.hot.clear()
    served.asked.clear()
    served.without_reasons = False
    return served


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return the command that invokes a function for Node.js, with the middleware beside its handler.

    Without Node.js the test is skipped, unless ``UNERI_REQUIRE_NODE=1`` makes that a failure.
    """
    program = shutil.which("node")
    if program is None:
        _without("node is missing: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)
    shutil.copy(SENDERS / "node" / "uneri-lambda.mjs", folder)
    return program, str(folder / "run.mjs")


@pytest.fixture(scope="package")
def node_with_sdk(node: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that invokes a function which uses the SDK, installed by npm."""
    npm = shutil.which("npm")
    if npm is None:
        _without("npm is missing: apt-get install npm")
    command = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--ignore-scripts",
        "--prefer-offline",
    ]
    done = subprocess.run(
        command, cwd=Path(node[-1]).parent, text=True, capture_output=True, check=False, timeout=300
    )
    if done.returncode:
        _without(f"npm cannot install the AWS SDK: {done.stderr.strip()[-300:]}")
    return node


def _without(reason: str) -> NoReturn:
    if os.environ.get("UNERI_REQUIRE_NODE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
