"""A connection to a daemon, for programs with threads. melstream.aio has the same for asyncio."""
from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional, Tuple, Union

import grpc

from melstream.v1 import feature_service_pb2

from . import _address, _push, _requests, errors, listings, windows
from ._address import Address
from ._channel import Access, make_channel, make_stub
from ._push import PushOptions, PushResult
from ._requests import Cmvn, Streams
from ._session import Session
from .subscription import Subscription

SHORT_CALL_S = 10.0


def connect(
    server: Optional[str] = None,
    *,
    token_file: Optional[str] = None,
    tls_ca: Optional[str] = None,
    tls_certificate: Optional[str] = None,
    tls_key: Optional[str] = None,
) -> "Client":
    """A client of the daemon at unix:PATH, HOST:PORT or tls:HOST:PORT. Without: MELSTREAM_SERVER, the user's socket, the
    system's socket, 127.0.0.1:50071, whichever answers first. token_file: its first line is a token that the daemon
    knows; the others are PEM files (MELSTREAM_TOKEN_FILE, MELSTREAM_TLS_CA ... count where they are not given).
    Raises DaemonUnavailable, PermissionDenied, InvalidArgument. Blocks, seconds at most."""
    access = Access.make(token_file=token_file, tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key)
    client = Client(_address.find(_address.candidates(server)), access)
    try:
        client.info()
    except BaseException:
        client.close()
        raise
    return client


class Client:
    """A context manager. Any thread may call it. All functions raise melstream.Error."""

    def __init__(self, address: Address, access: Access):
        self._address = address
        self._access = access
        self._lock = threading.Lock()
        self._channel: Any = None
        self._stub: Any = None

    @property
    def server(self) -> str:
        """As connect() takes it."""
        return str(self._address)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Subscriptions go on: they have connections of their own."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel = self._stub = None

    def info(self) -> listings.ServerInfo:
        return listings.server_info(self._call("GetServerInfo", feature_service_pb2.GetServerInfoRequest()))

    def front_ends(self) -> List[listings.FrontEnd]:
        answer = self._call("ListFrontEnds", feature_service_pb2.ListFrontEndsRequest())
        return [listings.front_end(one) for one in answer.front_ends]

    def streams(self, ids: Streams = None, *, labels: Optional[str] = None) -> List[listings.StreamInfo]:
        """All streams, those with these ids, or those with these labels ("room=kitchen, !muted")."""
        answer = self._call("ListStreams", _requests.list_request(ids, labels))
        return [listings.stream_info(one) for one in answer.streams]

    def subscribe(
        self,
        streams: Streams = None,
        *,
        front_end: str,
        labels: Optional[str] = None,
        all_streams: bool = False,
        model: Optional[str] = None,
        expect_spec_sha256: Optional[str] = None,
        smoothing: str = "none",
        normalization: str = "none",
        fixed_max: Optional[float] = None,
        cmvn: Optional[Cmvn] = None,
        element_type: str = "f32",
        start: str = "live",
        seconds_back: Optional[float] = None,
        frame: Optional[int] = None,
        resume_token: Union[bytes, Dict[str, bytes], None] = None,
        wait: bool = False,
        block_frames: int = 4,
        max_delay_ms: int = 50,
        slow_policy: str = "drop_oldest",
        gaps: str = "objects",
        reconnect: bool = True,
        give_up_after: Optional[float] = None,
    ) -> Subscription:
        """Follows a stream ("mic"), some (["mic", "desk"]), those with labels, or all; see Subscription.

        model, expect_spec_sha256: raises WrongFrontEnd if the front end is another than the model, or the caller, wants.
        start: "live", or "first" for the stream's first frame; seconds_back, frame, resume_token: there instead.
        wait: for a stream that is not there yet (many are always waited for).
        element_type: "f16" halves what is sent; features are float32 all the same.
        gaps: "objects" or "raise". reconnect: goes on by itself after a lost connection, for give_up_after seconds at
        most."""
        self._check_front_end(front_end)
        features = _requests.feature_request(
            front_end, expect_spec_sha256=expect_spec_sha256, model=model, smoothing=smoothing,
            normalization=normalization, fixed_max=fixed_max, cmvn=cmvn, element_type=element_type)
        config = _requests.subscribe_config(
            streams, features, labels=labels, all_streams=all_streams, start=start, seconds_back=seconds_back,
            frame=frame, wait=wait, block_frames=block_frames, max_delay_ms=max_delay_ms, slow_policy=slow_policy)
        session = Session(config, self.server, reconnect, give_up_after)
        session.restore(resume_token)
        return Subscription(session, self._open_channel, self.server, gaps)

    def push(
        self,
        stream: str,
        source: Any,
        *,
        pace: str = "fast",
        rate: int = 16000,
        channels: int = 1,
        encoding: str = "s16le",
        channel: Union[int, str, None] = None,
        labels: Optional[Dict[str, str]] = None,
        takeover: bool = False,
        conceal: str = "none",
        chunk_seconds: float = 0.1,
    ) -> PushResult:
        """Publishes a stream until its source ends; blocks as long.

        source: path of a WAV file, an array [samples] or [samples, channels] (float with full scale 1, int16, int32), or
        an iterable of such arrays or of bytes. rate: of arrays and bytes; channels, encoding: of bytes (s16le, s24le,
        s32le, f32le, mulaw, alaw). channel: a number from 0, "split" (streams STREAM.0, STREAM.1 ...), "mix" (default).
        pace: "fast" (nothing is lost) or "realtime"."""
        options = PushOptions(stream, pace, labels, channel, takeover, conceal, chunk_seconds)
        grpc_channel, stub = self._open_channel()
        try:
            return _push.push(stub, self.server, options, source, rate, channels, encoding)
        finally:
            grpc_channel.close()

    def window(
        self,
        stream: str,
        *,
        front_end: Optional[str] = None,
        model: Optional[str] = None,
        start: Optional[float] = None,
        seconds: Optional[float] = None,
        pad_to_seconds: Optional[float] = None,
        zero_fill: bool = False,
        normalization: Optional[str] = None,
        smoothing: str = "none",
        fixed_max: Optional[float] = None,
        cmvn: Optional[Cmvn] = None,
        element_type: str = "f32",
        expect_spec_sha256: Optional[str] = None,
        epoch: Optional[int] = None,
        timeout: float = 30,
    ) -> windows.Window:
        """The exact tensor of a part of a stream: seconds from start on (from the stream's beginning), or the newest
        seconds (30). model="whisper": all that the model wants, [1, 80, 3000]. Waits for audio yet to come, timeout
        seconds at most. zero_fill: zeros where audio is missing. Raises WindowUnavailable, StreamNotFound."""
        length = seconds if seconds is not None else windows.default_seconds(model)
        begin, end = windows.span(start, length) if start is not None else windows.newest(self.streams(), stream, length)
        request = _requests.window_request(
            stream, begin, end, front_end, model=model, pad_to_seconds=pad_to_seconds, zero_fill=zero_fill, epoch=epoch,
            normalization=normalization, smoothing=smoothing, fixed_max=fixed_max, cmvn=cmvn,
            element_type=element_type, expect_spec_sha256=expect_spec_sha256)
        self._check_front_end(request.features.front_end)
        return windows.make_window(request, self._call("GetWindow", request, timeout), model is not None)

    def _check_front_end(self, name: str) -> None:
        _requests.check_front_end(name, [one.name for one in self.front_ends()])

    def _open_channel(self) -> Tuple[Any, Any]:
        """A connection of its own, and its methods. Raises DaemonUnavailable."""
        _address.find([self._address])
        channel = make_channel(self._address, self._access)
        try:
            stub = _with_metadata(make_stub(channel), self._access.metadata(self._address))
        except BaseException:
            channel.close()
            raise
        return channel, stub

    def _call(self, method: str, request: Any, timeout: float = SHORT_CALL_S) -> Any:
        """Once more on a new connection, if the old one led nowhere: the daemon may have been started anew."""
        with self._lock:
            is_old = self._stub is not None
        try:
            return self._call_once(method, request, timeout)
        except errors.DaemonUnavailable as error:
            if not is_old or error.code != "UNAVAILABLE":
                raise
        return self._call_once(method, request, timeout)

    def _call_once(self, method: str, request: Any, timeout: float) -> Any:
        with self._lock:
            if self._stub is None:
                self._channel, self._stub = self._open_channel()
            stub = self._stub
        try:
            return getattr(stub, method)(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                self.close()
            raise errors.from_rpc(error, self.server) from error


def _with_metadata(stub: Any, metadata: List[Tuple[str, str]]) -> Any:
    """The token with every call; call credentials would go over TLS only, and a unix socket is as good."""
    if not metadata:
        return stub

    def bind(call: Any) -> Any:
        return lambda request, **keywords: call(request, metadata=metadata, **keywords)

    for name, call in list(vars(stub).items()):
        setattr(stub, name, bind(call))
    return stub
