"""What the daemon tells of itself: streams, front ends, its state."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from melstream.v1 import feature_service_pb2

from . import _words


@dataclass(frozen=True)
class StreamInfo:
    stream: str
    epoch: int
    state: str  #: "LIVE", "ENDED" (still readable)
    labels: Dict[str, str]
    opened_time_ns: int
    timeline_samples: int  #: at 16 kHz, gaps included
    gap_samples: int
    rms_dbfs: float
    peak_dbfs: float
    front_ends: List[str]  #: computed now
    subscriber_count: int
    audio_held: Optional[Tuple[int, int]]  #: samples that window() can read; None without an audio history


@dataclass(frozen=True)
class FrontEnd:
    name: str
    spec_sha256: str
    spec: str  #: the text whose SHA-256 that is: everything that decides the numbers
    bins: int
    hop_samples: int
    algorithmic_delay_samples: int
    allows_smoothing: bool
    normalizations: List[str]


@dataclass(frozen=True)
class ServerInfo:
    version: str
    engine: str  #: backend and instruction target, such as "cpu avx2"
    build: str
    start_time_ns: int
    stream_count: int
    max_streams: int
    subscription_count: int
    history_seconds: float
    is_draining: bool
    overload_state: int  #: 0: normal


def stream_info(one: Any) -> StreamInfo:
    held = (one.audio_held.begin_sample, one.audio_held.end_sample)
    return StreamInfo(
        one.stream, one.epoch, _words.short_name(feature_service_pb2.StreamState, "STREAM_STATE_", one.state),
        dict(one.labels), one.opened_time_ns, one.timeline_samples, one.gap_samples, one.rms_dbfs, one.peak_dbfs,
        list(one.front_ends), one.subscriber_count, held if held[1] > held[0] else None)


def front_end(one: Any) -> FrontEnd:
    return FrontEnd(
        one.name, one.spec_sha256, one.spec, one.bins, one.hop_samples, one.algorithmic_delay_samples,
        one.allows_smoothing, _words.names_of(_words.NORMALIZATIONS, list(one.normalizations)))


def server_info(one: Any) -> ServerInfo:
    return ServerInfo(
        one.version, "%s %s" % (one.engine.backend, one.engine.target), one.engine.build, one.start_time_ns,
        one.stream_count, one.max_streams, one.subscription_count, one.history_seconds, one.draining,
        one.overload_state)
