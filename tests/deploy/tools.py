"""The programs that check what is in deploy/, and what a test does without one."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NoReturn

import pytest

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
APT: Final = {
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}


def tool(name: str) -> str:
    """Return the path of a program; without it, the test is skipped.

    ``UNERI_REQUIRE_DEPLOY=1`` makes that a failure, as CI does. ``make deploy-check`` builds Helm.
    """
    path = os.pathsep.join((str(ROOT / ".deploy" / "bin"), os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        remedy = f"apt-get install {APT[name]}" if name in APT else "install Go, then `make deploy-check`"
        without(f"{name} is missing: {remedy}")
    return found


def without(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail where everything has to be there."""
    if os.environ.get("UNERI_REQUIRE_DEPLOY") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path, cwd: Path | None = None, seconds: float = 60, log: bool = False) -> str:
    """Run a program to its end and return its output, after it what it logged if that is wanted.

    Fails with both if it did not succeed.
    """
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, text=True, timeout=seconds, check=False,
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr * log
