"""Following streams, with threads: an iterator over blocks and gaps that goes on by itself after a lost connection."""
from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Union

import grpc

from melstream.v1 import feature_service_pb2

from . import errors
from ._pacing import LONGEST_SILENCE_S, AckPacer
from ._session import Session
from .events import Block, End, Event, Gap, Start

GAPS = ("objects", "raise")

#: Opens a channel. Raises Error.
Open = Callable[[], Tuple[Any, Any]]


class _Requests:
    """Requests of one call: the config, then acknowledgements when they are due. gRPC asks for the next one on a thread
    of its own, which also watches that the daemon is not silent. The reader calls the other functions."""

    def __init__(self, config: feature_service_pb2.SubscribeConfig):
        self._first: Optional[feature_service_pb2.SubscribeConfig] = config
        self._changed = threading.Condition()
        self._pacer = AckPacer()
        self._n_read = 0
        self._waiting_since: Optional[float] = None  # while the reader waits for a response
        self._wakes_at = 0.0
        self._closed = False
        self.cancel: Callable[[], object] = lambda: None
        self.was_silent = False

    def __iter__(self) -> "_Requests":
        return self

    def __next__(self) -> feature_service_pb2.SubscribeRequest:
        if self._first is not None:
            config, self._first = self._first, None
            return feature_service_pb2.SubscribeRequest(config=config)
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._pacer.due(self._n_read, now):
                    self._pacer.sent(self._n_read, now)
                    acknowledgement = feature_service_pb2.Acknowledgement(response_count=self._n_read)
                    return feature_service_pb2.SubscribeRequest(acknowledgement=acknowledgement)
                if self._waiting_since is not None and now - self._waiting_since >= LONGEST_SILENCE_S:
                    self.was_silent = True
                    self.cancel()
                    break
                self._wakes_at = min(
                    self._pacer.due_at(self._n_read) or now + LONGEST_SILENCE_S,
                    (self._waiting_since or now) + LONGEST_SILENCE_S,
                )
                self._changed.wait(self._wakes_at - now)
        raise StopIteration

    def reading(self, n_read: int) -> None:
        """The reader waits for another response, and is done with n_read."""
        with self._changed:
            self._n_read = n_read
            self._waiting_since = time.monotonic()
            due_at = self._pacer.due_at(n_read)
            if due_at is not None and due_at < self._wakes_at:
                self._changed.notify()

    def has_read(self) -> None:
        with self._changed:
            self._waiting_since = None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()


class Subscription:
    """Iterates over Block and Gap of one stream or of many, in order for each, without overlap or hole. A context
    manager; close() may be called by any thread, the rest by one at a time.

    Iterating raises melstream.Error; with gaps="raise" GapError for each gap, after which it can be gone on with."""

    def __init__(self, session: Session, open_channel: Open, server: str, gaps: str):
        self._session = session
        self._open_channel = open_channel
        self._server = server
        self._gaps = gaps
        self._closed = threading.Event()
        self._channel: Any = None
        self._call: Any = None
        self._requests: Optional[_Requests] = None
        self._n_read = 0
        if gaps not in GAPS:
            raise errors.unknown_word("gaps", gaps, GAPS)
        self._open()

    def __del__(self) -> None:
        # Whoever breaks out of the loop need not close: gRPC would keep the call.
        self.close()

    @property
    def start(self) -> Optional[Start]:
        """The newest Start, once there is one."""
        return next(reversed(list(self._session.starts.values())), None)

    @property
    def starts(self) -> Dict[str, Start]:
        return dict(self._session.starts)

    @property
    def end(self) -> Optional[End]:
        """The newest End, once a stream has ended."""
        return next(reversed(list(self._session.ends.values())), None)

    @property
    def ends(self) -> Dict[str, End]:
        return dict(self._session.ends)

    @property
    def resume_tokens(self) -> Dict[str, bytes]:
        """By stream, right behind what was handed out last: for subscribe(resume_token=) later, in any process."""
        return self._session.tokens

    @property
    def n_reconnects(self) -> int:
        return self._session.n_reconnects

    def events(self) -> Iterator[Event]:
        """All there is: Start, Block, Gap, End, Failure. Gaps are objects here. Raises Error."""
        while True:
            event = self._next_event()
            if event is None:
                return
            yield event

    def __iter__(self) -> "Subscription":
        return self

    def __next__(self) -> Union[Block, Gap]:
        while True:
            event = self._next_event()
            if event is None:
                raise StopIteration
            if isinstance(event, Gap) and self._gaps == "raise":
                raise errors.GapError(event)
            if isinstance(event, (Block, Gap)):
                return event

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the iteration."""
        self._closed.set()
        self._drop_call()

    def _next_event(self) -> Optional[Event]:
        while not self._closed.is_set():
            event = self._session.next_event()
            if event is not None:
                return event
            delay = self._advance()
            if delay is None:
                self.close()
            elif delay > 0:
                self._closed.wait(delay)
        return None

    def _advance(self) -> Optional[float]:
        """Takes one more response, or deals with the call's end. Seconds to wait before the next step; None: it is over."""
        try:
            if self._session.wants_new_call:
                self._drop_call()
            if self._call is None:
                self._open()
            response = self._read()
        except errors.Error as error:
            self._drop_call()
            if self._closed.is_set():
                return None
            return self._session.delay_after(error, time.monotonic())
        if response is not None:
            self._session.take(response, time.monotonic())
            return 0
        self._drop_call()
        return 0 if self._session.goes_on_after_end(time.monotonic()) else None

    def _open(self) -> None:
        self._channel, stub = self._open_channel()
        self._requests = _Requests(self._session.next_config(time.monotonic()))
        self._n_read = 0
        self._call = stub.Subscribe(self._requests)
        self._requests.cancel = self._call.cancel

    def _read(self) -> Any:
        """A response, or None at the call's end. Raises Error. Blocks."""
        requests, call = self._requests, self._call
        if requests is None or call is None:  # closed by another thread
            return None
        requests.reading(self._n_read)
        try:
            response = next(call, None)
        except grpc.RpcError as error:
            if requests.was_silent:
                silence = "the daemon has said nothing for %g s" % LONGEST_SILENCE_S
                raise errors.from_status("UNAVAILABLE", silence, self._server) from error
            raise errors.from_rpc(error, self._server) from error
        requests.has_read()
        self._n_read += 1
        return response

    def _drop_call(self) -> None:
        call, channel, requests = self._call, self._channel, self._requests
        self._call = self._channel = self._requests = None
        if requests is not None:
            requests.close()
        if call is not None:
            call.cancel()
        if channel is not None:
            channel.close()
