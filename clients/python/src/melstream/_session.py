"""A subscription as the user means it: one call after another, each going on where the last one was lost. No input or
output: drivers for threads and for asyncio bring responses and errors, and ask what to do."""
from __future__ import annotations

import logging
from collections import deque
from typing import Any, Deque, Dict, Optional, Tuple, Union

import numpy as np

from melstream.v1 import feature_service_pb2, types_pb2

from . import _words
from ._pacing import Backoff
from ._positions import Positions
from .errors import ConnectionLost, DaemonUnavailable, EpochChanged, Error, InvalidArgument, TooSlow
from .events import Block, End, Event, Failure, Gap, Start

log = logging.getLogger("melstream")

# google.rpc.Code
_CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()


class Session:
    """give_up_after_s: of an outage; None: never. server: for messages."""

    def __init__(
        self,
        config: feature_service_pb2.SubscribeConfig,
        server: str,
        reconnect: bool = True,
        give_up_after_s: Optional[float] = None,
    ):
        self._config = config
        self._server = server
        self._reconnect = reconnect
        self._give_up_after_s = give_up_after_s
        self._many = config.HasField("streams")
        self._positions = Positions(self._many)
        self._dtype = "<f2" if config.features.element_type == types_pb2.ELEMENT_TYPE_FLOAT16 else "<f4"
        self._backoff = Backoff()
        self._pending: Deque[Tuple[Event, bytes]] = deque()
        self._heard_at: Optional[float] = None
        self._lost_at: Optional[float] = None
        self._was_lost = False
        self._begins_at_first = False
        self.starts: Dict[str, Start] = {}
        self.ends: Dict[str, End] = {}
        self.n_reconnects = 0
        self.is_waiting_for_stream = False
        #: The call is no good any longer: another shall go on.
        self.wants_new_call = False

    @property
    def tokens(self) -> Dict[str, bytes]:
        return self._positions.tokens

    def restore(self, tokens: Union[bytes, Dict[str, bytes], None]) -> None:
        """Of an earlier subscription: the token of the one stream, or those of many. Raises InvalidArgument."""
        if isinstance(tokens, bytes):
            if self._many:
                raise InvalidArgument("of many streams, resume_token= takes a dictionary: Subscription.resume_tokens")
            tokens = {self._config.stream: tokens}
        for stream, token in (tokens or {}).items():
            self._positions.restore(stream, token)

    def next_config(self, now: float) -> feature_service_pb2.SubscribeConfig:
        """Of the next call."""
        config = feature_service_pb2.SubscribeConfig()
        config.CopyFrom(self._config)
        if self._was_lost:
            config.wait = True  # what was there before will be there again
        if self._many and self._was_lost and self._heard_at is not None:
            # A second more: a stream may have been opened just before, and not have been told.
            config.seconds_back = max(config.seconds_back, now - self._heard_at + 1)
        if self._begins_at_first:
            config.frame = 0
        for token in self.tokens.values():
            if self._many:
                config.resume_tokens.append(token)
            else:
                config.resume_token = token
        self.wants_new_call = False
        return config

    def take(self, response: Any, now: float) -> None:
        """Queues what the response holds."""
        self._heard_at = now
        if self._lost_at is not None:
            self._lost_at = None
            self.n_reconnects += 1
            log.warning("reconnected to %s", self._server)
        self._backoff.reset()
        if response.HasField("heartbeat"):
            self.is_waiting_for_stream = response.heartbeat.waiting_for_stream
            return
        self.is_waiting_for_stream = False
        for one in response.batch.responses if response.HasField("batch") else (response,):
            made = self._event(one)
            admitted = self._positions.admit(made)
            if admitted is not None:
                self._pending.append((admitted, one.failure.resume_token if one.HasField("failure") else b""))

    def next_event(self) -> Optional[Event]:
        """The next of what is queued. What is handed out counts as delivered: its token is the one to go on with."""
        if not self._pending:
            return None
        event, token = self._pending.popleft()
        self._positions.keep_token(event, token)
        if isinstance(event, Start):
            self.starts[event.stream] = event
            self.ends.pop(event.stream, None)
        elif isinstance(event, End):
            self.ends[event.stream] = event
        elif isinstance(event, Failure):
            log.warning("stream %s is not followed: %s (%s)", event.stream, event.message, event.code)
            self.wants_new_call = self.wants_new_call or (self._reconnect and bool(token))
        return event

    def goes_on_after_end(self, now: float) -> bool:
        """The call has ended without an error: whether another shall go on."""
        if not self._reconnect:
            return False
        # A daemon that goes down ends its streams; a subscription to many has no end of its own.
        end = self.ends.get(self._config.stream)
        if not self._many and (end is None or end.reason != "SHUTDOWN"):
            return False
        self._lose("the daemon goes down", now)
        return True

    def delay_after(self, error: Error, now: float) -> float:
        """Seconds until the next call. Raises the error if there shall be none."""
        if isinstance(error, EpochChanged) and not self._many and self.tokens:
            stream = self._config.stream
            log.warning("stream %s cannot be resumed, it begins anew: %s", stream, error)
            # All of a life that began while we were away is new to us.
            self._begins_at_first = self._positions.was_started(stream)
            self._positions.forget(stream)
            return 0
        if isinstance(error, TooSlow) and not self._many:
            self._positions.restore(self._config.stream, error.resume_token)
        is_lost = isinstance(error, (DaemonUnavailable, TooSlow)) or error.code == "CANCELLED"
        if not is_lost or self._heard_at is None:
            raise error
        if not self._reconnect:
            raise error if isinstance(error, TooSlow) else ConnectionLost(
                "the connection to %s is lost: %s; subscribe again with resume_token=, or leave reconnect=True"
                % (self._server, error), error.code) from error
        self._lose(str(error), now)
        assert self._lost_at is not None
        if self._give_up_after_s is not None and now - self._lost_at >= self._give_up_after_s:
            raise ConnectionLost(
                "the daemon at %s has been away for %.3g s (give_up_after=); subscribe again with resume_token=: %s"
                % (self._server, now - self._lost_at, error), error.code,
            ) from error
        return self._backoff.next()

    def _lose(self, why: str, now: float) -> None:
        if self._lost_at is None:  # once an outage, not once an attempt
            log.warning("the subscription is lost, trying again: %s", why)
            self._lost_at = now
        self._was_lost = True

    def _event(self, response: Any) -> Event:
        kind = response.WhichOneof("response")
        made: Event = _MAKERS[kind](self, getattr(response, kind))
        return made

    def _start(self, one: Any) -> Start:
        return Start(
            one.stream, one.epoch, one.front_end, one.spec_sha256, one.first_frame, one.first_sample, one.bins,
            one.hop_samples, one.algorithmic_delay_samples, one.resampler_delay_ns,
            "%s %s" % (one.engine.backend, one.engine.target), one.resume_token)

    def _block(self, one: Any) -> Block:
        # Shapes come with the values: a block holds frame_count rows.
        values = np.frombuffer(one.values, self._dtype).reshape(one.frame_count, -1)
        return Block(
            one.stream, one.epoch, one.first_frame, one.frame_count, _float32(values), one.first_sample,
            one.capture_time_ns, one.received_time_ns, one.block_max, one.running_max, one.rms_dbfs, one.peak_dbfs,
            one.concealed_share, bool(one.flags & feature_service_pb2.BLOCK_FLAG_SEGMENT_START),
            bool(one.flags & feature_service_pb2.BLOCK_FLAG_SEGMENT_END),
            bool(one.flags & feature_service_pb2.BLOCK_FLAG_SUPPRESSED_SILENCE), one.resume_token)

    def _gap(self, one: Any) -> Gap:
        return Gap(
            one.stream, one.epoch, one.first_frame, one.frame_count, _words.gap_reason(one.reason), one.next_sample,
            one.lost_samples, one.lost_source_samples, one.resume_token)

    def _discontinuity(self, one: Any) -> Gap:
        return Gap(
            one.stream, one.epoch, one.next_frame, 0, _words.gap_reason(one.reason), one.next_sample,
            one.lost_samples, one.lost_source_samples, one.resume_token)

    def _end(self, one: Any) -> End:
        return End(one.stream, one.epoch, one.next_frame, _words.end_reason(one.reason))

    def _failure(self, one: Any) -> Failure:
        code = _CODES[one.code] if 0 <= one.code < len(_CODES) else str(one.code)
        return Failure(one.stream, one.epoch, one.next_frame, code, one.message)


_MAKERS: Dict[str, Any] = {
    "start": Session._start,
    "block": Session._block,
    "gap": Session._gap,
    "discontinuity": Session._discontinuity,
    "end": Session._end,
    "failure": Session._failure,
}


def _float32(values: np.ndarray) -> np.ndarray:
    """As float32, read-only; no copy of what is float32 already."""
    out = values.astype(np.float32, copy=False)
    out.flags.writeable = False
    return out
