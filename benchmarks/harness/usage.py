"""Time and memory that processes have taken."""

import ctypes
import os
import resource
from pathlib import Path


def processor_time() -> float:
    """Return the seconds, user and system, of this process and of what it started and has ended."""
    return sum(os.times()[:4])


def processor_time_of(pid: int) -> float:
    """Return the seconds, user and system, of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(field: str = "VmRSS") -> float:
    """Return MiB of this process; VmHWM is the most it ever was."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """Give back what is free, and let VmHWM begin anew."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
