"""What a subscription hands out. Samples are positions on a stream's 16 kHz timeline, frames are counted from 0 in each
epoch (one unbroken life of a stream), times are Unix nanoseconds."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np

RATE = 16000


@dataclass(frozen=True)
class Start:
    """First of each stream and epoch, and again after a connection was lost."""

    stream: str
    epoch: int
    front_end: str
    spec_sha256: str
    first_frame: int
    first_sample: int
    bins: int
    hop_samples: int
    algorithmic_delay_samples: int  #: samples that must follow a frame's first one before it can be computed
    resampler_delay_ns: int
    engine: str  #: backend and instruction target, such as "cpu avx2"
    resume_token: bytes


@dataclass(frozen=True)
class Block:
    """Frames [first_frame, first_frame + frame_count) of one stream."""

    stream: str
    epoch: int
    first_frame: int
    frame_count: int
    features: np.ndarray  #: float32 [frame_count, bins], read-only
    first_sample: int  #: authoritative: each segment between gaps has a grid of its own
    capture_time_ns: int  #: of first_sample; never decreases within an epoch
    received_time_ns: int  #: when the last sample that the block needs had reached the daemon
    block_max: float  #: before normalization
    running_max: float  #: from the subscription's first frame on
    rms_dbfs: float
    peak_dbfs: float
    concealed_share: float  #: of the samples read, 0 to 1: those made up to conceal a loss
    is_segment_start: bool
    is_segment_end: bool
    has_suppressed_silence: bool  #: zeros for silence that the sender left out: no loss
    resume_token: bytes

    @property
    def next_frame(self) -> int:
        return self.first_frame + self.frame_count

    @property
    def start_seconds(self) -> float:
        """From the stream's beginning."""
        return self.first_sample / RATE


@dataclass(frozen=True)
class Gap:
    """Frames that will never come; it comes before any later frame. frame_count 0: audio is missing, but no frame index."""

    stream: str
    epoch: int
    first_frame: int
    frame_count: int
    reason: str  #: "NET_LOSS", "SUBSCRIBER_SLOW", "HISTORY_EVICTED" ...: docs/delivery.md
    next_sample: int  #: where the next frame's segment starts; 0 where no audio was lost
    lost_samples: int
    lost_source_samples: int  #: at the source's rate
    resume_token: bytes

    @property
    def next_frame(self) -> int:
        return self.first_frame + self.frame_count

    def __str__(self) -> str:
        return "stream %s: frames [%d, %d) are missing (%s)" % (
            self.stream, self.first_frame, self.next_frame, self.reason)


@dataclass(frozen=True)
class End:
    """Last of a stream's epoch."""

    stream: str
    epoch: int
    next_frame: int
    reason: str  #: "COMPLETED", "SOURCE_LOST", "TAKEN_OVER", "SHUTDOWN"


@dataclass(frozen=True)
class Failure:
    """Of many streams: this one is not followed, or no further."""

    stream: str
    epoch: int
    next_frame: int
    code: str  #: name of the gRPC status
    message: str


Event = Union[Start, Block, Gap, End, Failure]
