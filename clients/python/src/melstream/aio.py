"""The same as melstream.connect(), for asyncio: `async for block in client.subscribe(...)`."""
from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable
from typing import Any, AsyncIterator, Dict, List, Optional, Tuple, Union

import grpc
import grpc.aio

from melstream.v1 import feature_service_pb2

from . import _address, _audio, _push, _requests, errors, listings, windows
from ._address import Address
from ._channel import Access, make_channel, make_stub
from ._pacing import LONGEST_SILENCE_S, AckPacer
from ._push import Clock, PushOptions, PushResult, Totals
from ._requests import Streams
from ._session import Session
from .client import SHORT_CALL_S, _with_metadata
from .events import Block, End, Event, Gap, Start
from .subscription import GAPS


async def connect(
    server: Optional[str] = None,
    *,
    token_file: Optional[str] = None,
    tls_ca: Optional[str] = None,
    tls_certificate: Optional[str] = None,
    tls_key: Optional[str] = None,
) -> "Client":
    """See melstream.connect()."""
    access = Access.make(token_file=token_file, tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key)
    address = await asyncio.to_thread(_address.find, _address.candidates(server))
    client = Client(address, access)
    try:
        await client.info()
    except BaseException:
        await client.close()
        raise
    return client


class Client:
    """An asynchronous context manager, of one event loop. All functions raise melstream.Error; for their arguments see
    melstream.Client."""

    def __init__(self, address: Address, access: Access):
        self._address = address
        self._access = access
        self._channel: Any = None
        self._stub: Any = None

    @property
    def server(self) -> str:
        return str(self._address)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        channel, self._channel, self._stub = self._channel, None, None
        if channel is not None:
            await channel.close()

    async def info(self) -> listings.ServerInfo:
        return listings.server_info(await self._call("GetServerInfo", feature_service_pb2.GetServerInfoRequest()))

    async def front_ends(self) -> List[listings.FrontEnd]:
        answer = await self._call("ListFrontEnds", feature_service_pb2.ListFrontEndsRequest())
        return [listings.front_end(one) for one in answer.front_ends]

    async def streams(self, ids: Streams = None, *, labels: Optional[str] = None) -> List[listings.StreamInfo]:
        answer = await self._call("ListStreams", _requests.list_request(ids, labels))
        return [listings.stream_info(one) for one in answer.streams]

    def subscribe(
        self,
        streams: Streams = None,
        *,
        front_end: str,
        gaps: str = "objects",
        reconnect: bool = True,
        give_up_after: Optional[float] = None,
        resume_token: Union[bytes, Dict[str, bytes], None] = None,
        **options: Any,
    ) -> "Subscription":
        """Begins with the first step of the iteration."""
        config = _requests.subscribe_config_of(streams, front_end, options)
        session = Session(config, self.server, reconnect, give_up_after)
        session.restore(resume_token)
        return Subscription(session, self, gaps)

    async def push(
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
        """The source may be an asynchronous iterable of chunks, too."""
        options = PushOptions(stream, pace, labels, channel, takeover, conceal, chunk_seconds)
        chunks = _chunks(source, rate)
        try:
            first = await chunks.__anext__()
        except StopAsyncIteration:
            raise errors.InvalidArgument("the source has no audio: no chunk came") from None
        form = first if isinstance(first, _audio.Format) else _push.format_of(first, rate, channels, encoding)
        config = options.config(form)
        grpc_channel, stub = await self._open_channel()
        try:
            call = stub.StreamAudio()
            reader = asyncio.ensure_future(_read_totals(call))
            try:
                await call.write(config)
                try:
                    await _send(call, reader, options, form, first, chunks)
                finally:  # if the source fails, the stream ends before that is raised
                    await call.done_writing()
                    totals = await reader
                return totals.result()
            except (grpc.RpcError, asyncio.InvalidStateError):
                await reader  # has the status; otherwise:
                raise errors.Error("the daemon ended the call early") from None
            finally:
                reader.cancel()
                call.cancel()
        except grpc.RpcError as error:
            raise _from_rpc(error, self.server) from error
        finally:
            await grpc_channel.close()

    async def window(
        self,
        stream: str,
        *,
        start: Optional[float] = None,
        seconds: Optional[float] = None,
        model: Optional[str] = None,
        front_end: Optional[str] = None,
        timeout: float = 30,
        **options: Any,
    ) -> windows.Window:
        length = seconds if seconds is not None else windows.default_seconds(model)
        if start is not None:
            begin, end = windows.span(start, length)
        else:
            begin, end = windows.newest(await self.streams(), stream, length)
        request = _requests.window_request(stream, begin, end, front_end, model=model, **options)
        await self._check_front_end(request.features.front_end)
        return windows.make_window(request, await self._call("GetWindow", request, timeout), model is not None)

    async def _check_front_end(self, name: str) -> None:
        _requests.check_front_end(name, [one.name for one in await self.front_ends()])

    async def _open_channel(self) -> Tuple[Any, Any]:
        await asyncio.to_thread(_address.find, [self._address])
        channel = make_channel(self._address, self._access, grpc.aio)
        return channel, _with_metadata(make_stub(channel), self._access.metadata(self._address))

    async def _call(self, method: str, request: Any, timeout: float = SHORT_CALL_S) -> Any:
        is_old = self._stub is not None
        try:
            return await self._call_once(method, request, timeout)
        except errors.DaemonUnavailable as error:
            if not is_old or error.code != "UNAVAILABLE":
                raise
        return await self._call_once(method, request, timeout)

    async def _call_once(self, method: str, request: Any, timeout: float) -> Any:
        if self._stub is None:
            self._channel, self._stub = await self._open_channel()
        try:
            return await getattr(self._stub, method)(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                await self.close()
            raise _from_rpc(error, self.server) from error


class Subscription:
    """As melstream.Subscription: an asynchronous iterator over Block and Gap."""

    def __init__(self, session: Session, client: Client, gaps: str):
        if gaps not in GAPS:
            raise errors.unknown_word("gaps", gaps, GAPS)
        self._session = session
        self._client = client
        self._gaps = gaps
        self._is_checked = False
        self._is_closed = False
        self._channel: Any = None
        self._call: Any = None
        self._reading: Any = None
        self._writing: Any = None
        self._pacer = AckPacer()
        self._n_read = 0

    @property
    def start(self) -> Optional[Start]:
        return next(reversed(list(self._session.starts.values())), None)

    @property
    def starts(self) -> Dict[str, Start]:
        return dict(self._session.starts)

    @property
    def end(self) -> Optional[End]:
        return next(reversed(list(self._session.ends.values())), None)

    @property
    def ends(self) -> Dict[str, End]:
        return dict(self._session.ends)

    @property
    def resume_tokens(self) -> Dict[str, bytes]:
        return self._session.tokens

    @property
    def n_reconnects(self) -> int:
        return self._session.n_reconnects

    async def events(self) -> AsyncIterator[Event]:
        while True:
            event = await self._next_event()
            if event is None:
                return
            yield event

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Union[Block, Gap]:
        while True:
            event = await self._next_event()
            if event is None:
                raise StopAsyncIteration
            if isinstance(event, Gap) and self._gaps == "raise":
                raise errors.GapError(event)
            if isinstance(event, (Block, Gap)):
                return event

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self._is_closed = True
        await self._drop_call()

    async def _next_event(self) -> Optional[Event]:
        while not self._is_closed:
            event = self._session.next_event()
            if event is not None:
                return event
            delay = await self._advance()
            if delay is None:
                await self.close()
            elif delay > 0:
                await asyncio.sleep(delay)
        return None

    async def _advance(self) -> Optional[float]:
        try:
            if self._session.wants_new_call:
                await self._drop_call()
            if self._call is None:
                await self._open()
            response = await self._read()
        except _WriteFailed:
            # Another call tells the rest, or why there is none.
            await self._drop_call()
            return 0
        except errors.Error as error:
            await self._drop_call()
            if self._is_closed:
                return None
            return self._session.delay_after(error, time.monotonic())
        if response is not None:
            self._session.take(response, time.monotonic())
            return 0
        await self._drop_call()
        return 0 if self._session.goes_on_after_end(time.monotonic()) else None

    async def _open(self) -> None:
        config = self._session.next_config(time.monotonic())
        if not self._is_checked:
            await self._client._check_front_end(config.features.front_end)
            self._is_checked = True
        self._channel, stub = await self._client._open_channel()
        self._pacer = AckPacer()
        self._n_read = 0
        self._call = stub.Subscribe()
        self._write(feature_service_pb2.SubscribeRequest(config=config))

    def _write(self, request: feature_service_pb2.SubscribeRequest) -> None:
        """Not waited for: a connection that leads nowhere takes nothing. If it fails, the next read tells why."""
        self._writing = asyncio.ensure_future(self._call.write(request))
        self._writing.add_done_callback(_note_exception)

    async def _read(self) -> Any:
        """A response, or None at the call's end; acknowledges meanwhile. Raises Error. Whoever is cancelled here may come
        again: nothing is lost."""
        since = time.monotonic()
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
            self._reading.add_done_callback(_note_exception)
        reading = self._reading
        while not reading.done():
            now = time.monotonic()
            can_write = self._writing.done()
            if can_write and self._pacer.due(self._n_read, now):
                self._pacer.sent(self._n_read, now)
                acknowledgement = feature_service_pb2.Acknowledgement(response_count=self._n_read)
                self._write(feature_service_pb2.SubscribeRequest(acknowledgement=acknowledgement))
            due_at = self._pacer.due_at(self._n_read) if can_write else None
            until = min(due_at or since + LONGEST_SILENCE_S, since + LONGEST_SILENCE_S)
            await asyncio.wait({reading}, timeout=max(0.0, until - now))
            if not reading.done() and time.monotonic() - since >= LONGEST_SILENCE_S:
                silence = "the daemon has said nothing for %g s" % LONGEST_SILENCE_S
                raise errors.from_status("UNAVAILABLE", silence, self._client.server)
        self._reading = None
        if reading.cancelled():
            if self._is_closed:
                return None
            raise errors.from_status("UNAVAILABLE", "the call was cancelled", self._client.server)
        if isinstance(reading.exception(), grpc.RpcError):
            raise _from_rpc(reading.exception(), self._client.server) from reading.exception()
        response = reading.result()
        if response is grpc.aio.EOF:
            return None
        self._n_read += 1
        return response

    async def _drop_call(self) -> None:
        call, channel = self._call, self._channel
        self._call = self._channel = self._reading = self._writing = None
        if call is not None:
            call.cancel()
        if channel is not None:
            await channel.close()


def _note_exception(task: Any) -> None:
    """A task that nobody waits for any longer is no reason to complain."""
    if not task.cancelled():
        task.exception()


class _WriteFailed(errors.Error):
    """An acknowledgement met the call's end. grpc.aio then forgets how the call ended, and what was yet to be read."""


def _from_rpc(error: Any, server: str) -> errors.Error:
    if error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core":
        return _WriteFailed("the call ended while it was written to", "INTERNAL")
    return errors.from_rpc(error, server)


async def _read_totals(call: Any) -> Totals:
    totals = Totals()
    async for response in call:
        totals.take(response)
    return totals


async def _chunks(source: Any, rate: int) -> AsyncIterator[Any]:
    """Of a file or an array its format, then its bytes; of others their chunks."""
    known = _push.whole(source, rate)
    if known is not None:
        yield known[0]
        yield known[1]
    elif isinstance(source, AsyncIterable):
        async for chunk in source:
            yield chunk
    else:
        for chunk in source:
            yield chunk


async def _send(
    call: Any, reader: Any, options: PushOptions, form: _audio.Format, first: Any, rest: AsyncIterator[Any]
) -> None:
    """All chunks, until they end or the daemon ends the call."""
    clock = Clock(form)

    async def send(chunk: Any) -> None:
        for content in _audio.cut(_audio.chunk_bytes(chunk, form), form, options.chunk_seconds):
            delay = clock.delay(content)
            if options.pace == "realtime" and delay > 0:
                await asyncio.wait({reader}, timeout=delay)
            if reader.done():
                return
            await call.write(_push.audio_request(content))

    if first is not form:
        await send(first)
    async for chunk in rest:
        if reader.done():
            return
        await send(chunk)
