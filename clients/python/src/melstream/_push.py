"""Publishing a stream: what threads and asyncio share, and the driver with threads."""
from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Optional, Tuple, Union

import grpc

from melstream.v1 import audio_service_pb2

from . import _audio, _words, errors
from ._audio import Format


@dataclass(frozen=True)
class PushResult:
    """Totals of a stream that was published, in samples a channel at the source's rate unless said otherwise.
    offered = accepted + dropped."""

    epochs: Dict[str, int]  #: of each stream that was opened: one, or one a channel
    reason: str  #: why it ended: "COMPLETED"
    offered_samples: int
    accepted_samples: int
    dropped_samples: int
    nonfinite_samples: int
    timeline_samples: int  #: at 16 kHz, gaps included
    gap_samples: int  #: at 16 kHz
    concealed_samples: int
    losses: Dict[str, int]  #: dropped samples by reason


@dataclass(frozen=True)
class PushOptions:
    stream: str
    pace: str = "fast"
    labels: Optional[Dict[str, str]] = None
    channel: Union[int, str, None] = None
    takeover: bool = False
    conceal: str = "none"
    chunk_seconds: float = 0.1

    def config(self, form: Format) -> audio_service_pb2.StreamAudioRequest:
        """The first request. Raises InvalidArgument."""
        if form.encoding not in _audio.ENCODINGS:
            raise errors.unknown_word("encoding", form.encoding, _audio.ENCODINGS)
        config = audio_service_pb2.AudioConfig(
            stream=self.stream,
            encoding=_audio.ENCODINGS[form.encoding],
            sample_rate_hertz=form.rate,
            audio_channel_count=form.channels,
            labels=self.labels or {},
            pacing=_words.value_of(_words.PACES, "pace", self.pace),
            takeover=self.takeover,
            conceal=_words.value_of(_words.CONCEALS, "conceal", self.conceal),
        )
        if self.channel == "split":
            config.channel_mode = audio_service_pb2.CHANNEL_MODE_SPLIT
        elif isinstance(self.channel, int):
            config.channel_mode = audio_service_pb2.CHANNEL_MODE_INDEX
            config.channel_index = self.channel
        elif self.channel not in (None, "mix"):
            raise errors.unknown_word("channel", str(self.channel), ("mix", "split", "a number from 0"))
        return audio_service_pb2.StreamAudioRequest(config=config)


class Clock:
    """When samples are due that are sent as fast as they are played; deadlines count from the start, so nothing drifts."""

    def __init__(self, form: Format):
        self._form = form
        self._start = time.monotonic()
        self._n_samples = 0

    def delay(self, content: bytes) -> float:
        """Seconds until the last sample of the content has sounded."""
        self._n_samples += len(content) // self._form.step_bytes
        return self._start + self._n_samples / self._form.rate - time.monotonic()


class Totals:
    """Collects a call's responses."""

    def __init__(self) -> None:
        self._epochs: Dict[str, int] = {}
        self._ended: Any = None

    def take(self, response: Any) -> None:
        if response.HasField("started"):
            self._epochs = {one.stream: one.epoch for one in response.started.streams}
        elif response.HasField("ended"):
            self._ended = response.ended

    def result(self) -> PushResult:
        """Raises Error if the stream's end was not told."""
        if self._ended is None:
            raise errors.Error("the daemon ended the call without the stream's totals")
        totals = self._ended.totals
        return PushResult(
            self._epochs, _words.end_reason(self._ended.reason), totals.offered_samples, totals.accepted_samples,
            totals.dropped_samples, totals.nonfinite_samples, totals.timeline_samples, totals.gap_samples,
            totals.concealed_samples, {_words.gap_reason(one.reason): one.samples for one in totals.losses})


def whole(source: Any, rate: int) -> Optional[Tuple[Format, bytes]]:
    """Format and bytes of a file or an array; None for an iterable of chunks. Raises InvalidArgument."""
    if _audio.is_path(source):
        return _audio.read_wav(source)
    if hasattr(source, "__array__"):
        encoding, channels, content = _audio.array_bytes(source)
        return Format(rate, channels, encoding), content
    return None


def format_of(chunk: Any, rate: int, channels: int, encoding: str) -> Format:
    """Of a stream whose first chunk this is: an array says its own, bytes are as given."""
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return Format(rate, channels, encoding)
    encoding, channels, _ = _audio.array_bytes(chunk)
    return Format(rate, channels, encoding)


def audio_request(content: bytes) -> audio_service_pb2.StreamAudioRequest:
    return audio_service_pb2.StreamAudioRequest(audio=audio_service_pb2.AudioChunk(content=content))


class _Requests:
    """gRPC asks for the next request on a thread of its own, which also keeps the pace."""

    def __init__(self, options: PushOptions, form: Format, chunks: Iterator[Any]):
        self._options = options
        self._form = form
        self._chunks = chunks
        self._stopped = threading.Event()
        self._iterator = self._make()
        self.failure: Optional[BaseException] = None

    def __iter__(self) -> Iterator[audio_service_pb2.StreamAudioRequest]:
        return self._iterator

    def stop(self) -> None:
        self._stopped.set()

    def _make(self) -> Iterator[audio_service_pb2.StreamAudioRequest]:
        yield self._options.config(self._form)
        clock = Clock(self._form)
        try:
            for chunk in self._chunks:
                for content in _audio.cut(_audio.chunk_bytes(chunk, self._form), self._form, self._options.chunk_seconds):
                    delay = clock.delay(content)
                    if self._stopped.wait(delay if self._options.pace == "realtime" and delay > 0 else 0):
                        return
                    yield audio_request(content)
        except Exception as error:  # noqa: BLE001 - whatever the source raises: the stream ends, and then it is raised
            self.failure = error


def _prepend(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def push(stub: Any, server: str, options: PushOptions, source: Any, rate: int, channels: int, encoding: str) -> PushResult:
    """Publishes until the source ends. Raises Error, and what the source raises. Blocks."""
    known = whole(source, rate)
    if known is not None:
        form, chunks = known[0], iter([known[1]])
    else:
        first, rest = _audio.first_of(source)
        form, chunks = format_of(first, rate, channels, encoding), _prepend(first, rest)
    options.config(form)  # wrong options are found before a call is made
    requests = _Requests(options, form, chunks)
    call = stub.StreamAudio(iter(requests))
    totals = Totals()
    try:
        for response in call:
            totals.take(response)
    except grpc.RpcError as error:
        raise errors.from_rpc(error, server) from error
    finally:
        requests.stop()
        call.cancel()
    if requests.failure is not None:
        raise requests.failure
    return totals.result()
