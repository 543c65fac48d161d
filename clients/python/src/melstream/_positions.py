"""How far each stream was followed: takes off what a resumed subscription repeats, and has the tokens to resume with."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Optional, Union

from .events import RATE, Block, End, Event, Failure, Gap, Start

NS_PER_SAMPLE = 1_000_000_000 // RATE


@dataclass
class Position:
    epoch: Optional[int] = None  #: None: not started
    hop_samples: int = 0
    next_frame: int = 0
    seen_frames: int = 0  #: frames before it are known from an earlier call
    token: bytes = b""


class Positions:
    def __init__(self, many: bool):
        self._many = many
        self._of: Dict[str, Position] = {}

    @property
    def tokens(self) -> Dict[str, bytes]:
        return {stream: one.token for stream, one in self._of.items() if one.token}

    def was_started(self, stream: str) -> bool:
        return stream in self._of and self._of[stream].epoch is not None

    def restore(self, stream: str, token: bytes) -> None:
        self._of.setdefault(stream, Position()).token = token

    def forget(self, stream: str) -> None:
        self._of.pop(stream, None)

    def admit(self, event: Event) -> Optional[Event]:
        """The event without the frames that are known already; None if nothing is left."""
        if isinstance(event, Start):
            return self._admit_start(event)
        position = self._of.get(event.stream)
        if isinstance(event, (End, Failure)) or position is None or position.epoch != event.epoch:
            return event
        n_known = max(0, position.seen_frames - event.first_frame)
        if n_known > 0:
            if n_known >= event.frame_count:
                return None
            event = self._without(event, n_known, position.hop_samples)
        position.next_frame = event.next_frame
        return event

    def _admit_start(self, start: Start) -> Start:
        position = self._of.setdefault(start.stream, Position())
        position.hop_samples = start.hop_samples
        if position.epoch == start.epoch:
            # Only what the resumed subscription repeats is taken off: frames that come twice in one are a fault.
            position.seen_frames = position.next_frame
            n_known = max(0, position.next_frame - start.first_frame)
            first_sample = start.first_sample + n_known * start.hop_samples
            return replace(start, first_frame=start.first_frame + n_known, first_sample=first_sample)
        position.epoch = start.epoch
        position.next_frame = position.seen_frames = start.first_frame
        return start

    @staticmethod
    def _without(event: Union[Block, Gap], n: int, hop_samples: int) -> Union[Block, Gap]:
        if isinstance(event, Gap):
            return replace(event, first_frame=event.first_frame + n, frame_count=event.frame_count - n)
        return replace(
            event,
            first_frame=event.first_frame + n,
            frame_count=event.frame_count - n,
            features=event.features[n:],
            first_sample=event.first_sample + n * hop_samples,
            capture_time_ns=event.capture_time_ns + n * hop_samples * NS_PER_SAMPLE,
            is_segment_start=False,
        )

    def keep_token(self, event: Event, token: bytes = b"") -> None:
        """Of what was handed out. token: a Failure's."""
        if isinstance(event, (Start, Block, Gap)):
            self.restore(event.stream, event.resume_token)
        elif token:
            self.restore(event.stream, token)
        elif isinstance(event, Failure) or (self._many and event.reason != "SHUTDOWN"):
            # A daemon that goes down ends its streams: who reconnects asks the next one, which will know nothing of them.
            self.forget(event.stream)
