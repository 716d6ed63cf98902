"""The memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")

if sys.platform == "win32":

    def resident_peak() -> float:
        """There is no way to know it without another library."""
        raise SystemExit("this benchmark does not run on Windows")

else:
    import resource

    def resident_peak() -> float:
        """Return how much this process has had in memory at most (MiB)."""
        if _STATUS.exists():  # what getrusage says on Linux may be the parent's
            lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
            return int(lines["VmHWM"].split()[0]) / 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
