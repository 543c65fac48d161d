"""melstream: exact log-mel features of live audio, from a daemon that computes them once for everybody.

    with melstream.connect() as client:
        for block in client.subscribe("mic", front_end="whisper-80"):
            ...
"""
import importlib as _importlib
import pkgutil as _pkgutil
from typing import TYPE_CHECKING

# melstream.engine is a distribution of its own, which may lie in another folder.
__path__ = _pkgutil.extend_path(__path__, __name__)

if TYPE_CHECKING:
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

# What is named above is imported when it is first used: melstream.engine works without gRPC, and does not wait for it.
_MODULES = {
    "client": "Client connect",
    "errors": "ConnectionLost DaemonUnavailable EpochChanged Error GapError InvalidArgument PermissionDenied StreamExists "
              "StreamNotFound TakenOver TooSlow UnknownFrontEnd WindowUnavailable WrongFrontEnd",
    "events": "Block End Event Failure Gap Start",
    "listings": "FrontEnd ServerInfo StreamInfo",
    "models": "MODELS Model find_model",
    "subscription": "Subscription",
    "windows": "Window",
    "_push": "PushResult",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

__version__ = "0.1.0"

__all__ = [
    "MODELS", "Block", "Client", "ConnectionLost", "DaemonUnavailable", "End", "EpochChanged", "Error", "Event",
    "Failure", "FrontEnd", "Gap", "GapError", "InvalidArgument", "Model", "PermissionDenied", "PushResult", "ServerInfo",
    "Start", "StreamExists", "StreamInfo", "StreamNotFound", "Subscription", "TakenOver", "TooSlow", "UnknownFrontEnd",
    "Window", "WindowUnavailable", "WrongFrontEnd", "connect", "find_model",
]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError("module 'melstream' has no attribute %r" % name)
    value = getattr(_importlib.import_module("." + _MODULE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_MODULE_OF])
