"""The load of the engine's processes: memory, restarts, and the share of a core each uses now."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from pipeline.engine import processes

FRESH_S = 1.0
SPAN = 60  # looks that are kept for the sparkline


class Load:
    """Remembers the last looks: a share of a core is a difference of two. Safe between threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._used: dict[int, tuple[float, float]] = {}  # pid -> (when, seconds of a core)
        self._rows: list[dict[str, Any]] = []
        self._shares: dict[str, deque[float]] = {}

    def look(self) -> list[dict[str, Any]]:
        """`processes`, each with `cpu` (cores used since the last look) and `cpu_before` (of those
        before, oldest first). A process that is seen for the first time has its mean since start.
        """
        with self._lock:
            now = time.time()
            if now - self._looked_at > FRESH_S:
                self._looked_at = now
                self._rows = [self._with_cpu(one, now) for one in processes(self._home)]
                self._used = {one["pid"]: (now, one["cpu_s"]) for one in self._rows}
            return self._rows

    def _with_cpu(self, one: dict[str, Any], now: float) -> dict[str, Any]:
        then, used = self._used.get(one["pid"], (one["started_at"], 0.0))
        share = share_of_core(one["cpu_s"] - used, now - then)
        shares = self._shares.setdefault(one["name"], deque(maxlen=SPAN))
        shares.append(share)
        return one | {"cpu": share, "cpu_before": list(shares)}


def share_of_core(cpu_s: float, wall_s: float) -> float:
    """Seconds of a core used a wall second; 1.0 is one core, all the time."""
    return max(0.0, cpu_s) / wall_s if wall_s > 0 else 0.0
