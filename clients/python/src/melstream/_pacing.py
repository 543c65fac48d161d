"""When to acknowledge what was read, and how long to wait before the next attempt to reach a daemon. Times are those of
time.monotonic()."""
from __future__ import annotations

from typing import Optional

ACKNOWLEDGE_EVERY_S = 0.5
# A daemon sends heartbeats each second: without any for so long, a connection leads nowhere.
LONGEST_SILENCE_S = 10.0


class AckPacer:
    """Right after the first response, then at most every 500 ms, and only what is new. The daemon keeps responses back
    while one that it sent more than a second ago is not acknowledged."""

    def __init__(self) -> None:
        self._sent = 0
        self._next = 0.0

    def due_at(self, n_read: int) -> Optional[float]:
        """When an acknowledgement of n_read responses is due; None: all of them are acknowledged."""
        return self._next if n_read > self._sent else None

    def due(self, n_read: int, now: float) -> bool:
        return n_read > self._sent and now >= self._next

    def sent(self, n_read: int, now: float) -> None:
        self._sent = n_read
        self._next = now + ACKNOWLEDGE_EVERY_S


class Backoff:
    """0.1 s, then twice as long each time, up to 5 s."""

    SHORTEST_S = 0.1
    LONGEST_S = 5.0

    def __init__(self) -> None:
        self._next = self.SHORTEST_S

    def next(self) -> float:
        delay = self._next
        self._next = min(2 * delay, self.LONGEST_S)
        return delay

    def reset(self) -> None:
        """The daemon has answered."""
        self._next = self.SHORTEST_S
