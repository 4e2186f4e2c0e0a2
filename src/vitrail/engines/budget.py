"""Budgets: when a search has to stop."""

from __future__ import annotations

import threading
import time

__all__ = ["Budget"]


class Budget:
    """How many regions and seconds a search may still spend; threads may share one.

    Example:
        >>> budget = Budget(max_regions=10, seconds=None)
        >>> budget.allow(8), budget.allow(8), budget.spent()
        (8, 2, True)
    """

    def __init__(self, max_regions: int | None, seconds: float | None) -> None:
        """None: no limit."""
        self._left = max_regions
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._lock = threading.Lock()

    def spent(self) -> bool:
        """Whether nothing is left."""
        if self._left is not None and self._left <= 0:
            return True
        return self._late()

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def ends(self, more: int) -> bool:
        """Whether so many regions more are too many, or the time is over.

        Example:
            >>> Budget(max_regions=10, seconds=None).ends(10), Budget(max_regions=10, seconds=None).ends(11)
            (False, True)
        """
        return (self._left is not None and more > max(self._left, 0)) or self._late()

    def allow(self, regions: int) -> int:
        """How many of so many new regions may be kept; they are charged."""
        if self._left is None:
            return regions
        with self._lock:
            allowed = max(0, min(regions, self._left))
            self._left -= allowed
        return allowed

    def add(self, regions: int) -> None:
        """Charge regions that a worker in another process found."""
        if self._left is not None:
            self._left -= regions

    def __getstate__(self) -> dict[str, object]:
        """Everything but the lock, which belongs to one process."""
        return {"_left": self._left, "_deadline": self._deadline}

    def __setstate__(self, state: dict[str, object]) -> None:
        """The same budget with a lock of its own."""
        vars(self).update(state)
        self._lock = threading.Lock()

    @property
    def remaining(self) -> tuple[int | None, float | None]:
        """Regions and seconds left, for a worker in another process."""
        seconds = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        return self._left, seconds
