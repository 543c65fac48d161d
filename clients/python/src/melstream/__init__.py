"""melstream: exact log-mel features of live audio, from a daemon that computes them once for everybody.

    with melstream.connect() as client:
        for block in client.subscribe("mic", front_end="whisper-80"):
            ...
"""
from .client import Client, connect
from .errors import (
    ConnectionLost,
    DaemonUnavailable,
    EpochChanged,
    Error,
    GapError,
    InvalidArgument,
    PermissionDenied,
    StreamExists,
    StreamNotFound,
    TakenOver,
    TooSlow,
    UnknownFrontEnd,
    WindowUnavailable,
    WrongFrontEnd,
)
from .events import Block, End, Event, Failure, Gap, Start
from .listings import FrontEnd, ServerInfo, StreamInfo
from .models import MODELS, Model, find_model
from .subscription import Subscription
from .windows import Window
from ._push import PushResult

__version__ = "0.1.0"

__all__ = [
    "MODELS", "Block", "Client", "ConnectionLost", "DaemonUnavailable", "End", "EpochChanged", "Error", "Event",
    "Failure", "FrontEnd", "Gap", "GapError", "InvalidArgument", "Model", "PermissionDenied", "PushResult", "ServerInfo",
    "Start", "StreamExists", "StreamInfo", "StreamNotFound", "Subscription", "TakenOver", "TooSlow", "UnknownFrontEnd",
    "Window", "WindowUnavailable", "WrongFrontEnd", "connect", "find_model",
]
