"""What may go wrong. Each message says what it was and what to do about it."""
from __future__ import annotations

from typing import Any, Iterable, List, Optional, Tuple

import grpc

from melstream.v1 import feature_service_pb2


class Error(Exception):
    """Any failure of melstream. code: name of the gRPC status, if a call ended with one."""

    def __init__(self, message: str, code: Optional[str] = None):
        super().__init__(message)
        self.code = code


class DaemonUnavailable(Error):
    """No daemon answers, or it is going down."""


class ConnectionLost(DaemonUnavailable):
    """The daemon was there, and is no longer."""


class PermissionDenied(Error):
    """The token, certificate or socket does not let us."""


class InvalidArgument(Error, ValueError):
    """A value that the daemon, or the package, refuses."""


class UnknownFrontEnd(InvalidArgument):
    """The daemon has no front end of that name."""


class WrongFrontEnd(Error):
    """The features are not those that the model was trained on."""


class StreamNotFound(Error, LookupError):
    """No stream has this id now."""


class StreamExists(Error):
    """Somebody publishes a stream with this id."""


class TakenOver(Error):
    """Another publisher has replaced this one."""


class EpochChanged(Error):
    """That life of the stream is gone."""


class TooSlow(Error):
    """The reader fell behind, and wanted no gap (slow_policy="disconnect"). resume_token: where to go on."""

    def __init__(self, message: str, code: Optional[str], resume_token: bytes):
        super().__init__(message, code)
        self.resume_token = resume_token


class WindowUnavailable(Error):
    """The window's audio is not (all) there. held: range of samples that is, or None; gaps: ranges that are lost."""

    def __init__(
        self, message: str, code: Optional[str], held: Optional[Tuple[int, int]], gaps: List[Tuple[int, int]]
    ):
        super().__init__(message, code)
        self.held = held
        self.gaps = gaps


class GapError(Error):
    """Frames are missing (gaps="raise"). gap: the melstream.Gap; the iteration can be gone on with."""

    def __init__(self, gap: Any):
        super().__init__("%s; gaps=\"objects\" hands gaps out instead" % gap)
        self.gap = gap


def details_of(error: grpc.RpcError) -> bytes:
    """Serialized detail of the status (error_details of melstream's services); empty without one."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return value if isinstance(value, bytes) else b""
    return b""


def _range(samples: Any) -> Tuple[int, int]:
    return samples.begin_sample, samples.end_sample


def _window_error(message: str, code: str, details: bytes) -> Error:
    detail = feature_service_pb2.WindowErrorDetail.FromString(details)
    held = _range(detail.held) if detail.HasField("held") else None
    gaps = [_range(gap) for gap in detail.gaps]
    if held:
        message += "; held: samples [%d, %d)" % held
    message += "".join("; gap: samples [%d, %d)" % gap for gap in gaps)
    if gaps:
        message += "; zero_fill=True takes zeros there"
    return WindowUnavailable(message, code, held, gaps)


def from_status(code: str, text: str, server: str, details: bytes = b"") -> Error:
    """The error that a status stands for."""
    message = "%s (%s)" % (text or "the call failed", code)
    if code == "UNAVAILABLE":
        return DaemonUnavailable("the daemon at %s is not there: %s" % (server, message), code)
    if code == "DEADLINE_EXCEEDED":
        return DaemonUnavailable("the daemon at %s did not answer in time: %s" % (server, message), code)
    if code == "UNAUTHENTICATED":
        return PermissionDenied(message + "; the daemon's config names the tokens it knows: token_file=", code)
    if code == "PERMISSION_DENIED":
        return PermissionDenied(message, code)
    if code == "FAILED_PRECONDITION" and text.startswith("EPOCH_CHANGED"):
        return EpochChanged(message + "; subscribe anew, without the token", code)
    if code == "FAILED_PRECONDITION" and "spec" in text.lower():
        return WrongFrontEnd(message + "; the model's results would be wrong", code)
    if code == "OUT_OF_RANGE" or (code == "FAILED_PRECONDITION" and details):
        return _window_error(message, code, details)
    if code == "RESOURCE_EXHAUSTED" and details:
        token = feature_service_pb2.SubscribeErrorDetail.FromString(details).resume_token
        if token:
            return TooSlow(message + "; resume with this error's resume_token", code, token)
    if code == "ALREADY_EXISTS":
        return StreamExists(message + "; takeover=True replaces its publisher", code)
    if code == "NOT_FOUND":
        return StreamNotFound(message, code)
    if code == "ABORTED":
        return TakenOver(message, code)
    if code == "INVALID_ARGUMENT":
        return InvalidArgument(message, code)
    return Error(message, code)


def from_rpc(error: grpc.RpcError, server: str) -> Error:
    """The error that a call's failure stands for."""
    return from_status(error.code().name, error.details() or "", server, details_of(error))


def unknown_word(what: str, word: str, known: Iterable[str]) -> InvalidArgument:
    return InvalidArgument("unknown %s %r: use one of %s" % (what, word, ", ".join(known)))
