"""melstream's engine by its C ABI: what must be known of a front end when a graph is built.

The library is loaded here, once, and stays: the op finds it by its name, libmelstream_engine.so.1."""
import ctypes
import functools
import glob
import os

VARIABLE = "MELSTREAM_ENGINE_LIBRARY"
NAME = "libmelstream_engine.so.1"
ABI_VERSION = 1
SMOOTHINGS = ("none", "box3x3", "box3x3-valid")
NORMALIZATIONS = ("none", "running_max", "fixed_max", "whisper_window", "per_feature_window")

_HANDLE = ctypes.c_void_p
_FUNCTIONS = {
    "melstream_error_message": (ctypes.c_char_p, ()),
    "melstream_front_end_by_name": (ctypes.c_int32, (ctypes.c_char_p, ctypes.POINTER(_HANDLE))),
    "melstream_front_end_by_spec": (ctypes.c_int32, (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_HANDLE))),
    "melstream_front_end_free": (None, (_HANDLE,)),
    "melstream_front_end_name": (ctypes.c_char_p, (_HANDLE,)),
    "melstream_front_end_spec": (ctypes.c_char_p, (_HANDLE,)),
    "melstream_front_end_bins": (ctypes.c_int32, (_HANDLE, ctypes.c_int32)),
    "melstream_front_end_rows": (ctypes.c_int64, (_HANDLE, ctypes.c_int32, ctypes.c_int64)),
}


def _path():
    """Of the library: the variable's, or the one that melstream's package has, or whichever the loader finds."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    packaged = sorted(glob.glob(os.path.join(package, "**", NAME), recursive=True))
    return os.environ.get(VARIABLE) or (packaged[0] if packaged else NAME)


@functools.lru_cache(maxsize=None)
def library():
    path = _path()
    try:
        loaded = ctypes.CDLL(path)
        loaded.melstream_abi_version.restype = ctypes.c_uint32
        version = loaded.melstream_abi_version()
    except (OSError, AttributeError) as error:
        raise ImportError("melstream's engine is not there (%s): set %s to the path of %s"
                          % (error, VARIABLE, NAME)) from None
    if version != ABI_VERSION:
        raise ImportError("%s has ABI version %d, melstream.max takes %d: install both from one release of melstream"
                          % (path, version, ABI_VERSION))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class FrontEnd:
    """A front end by its name, or by a definition: anything that has a `spec`, as melstream.engine.FrontEnd has."""

    def __init__(self, front_end):
        self._library = library()
        self._handle = _HANDLE()
        handle = ctypes.byref(self._handle)
        if isinstance(front_end, str):
            status = self._library.melstream_front_end_by_name(front_end.encode(), handle)
        elif isinstance(getattr(front_end, "spec", None), str):
            name = str(getattr(front_end, "name", "custom")).encode()
            status = self._library.melstream_front_end_by_spec(name, front_end.spec.encode(), handle)
        else:
            raise TypeError("front_end is a %s: give a name (\"whisper-80\") or a melstream.engine.FrontEnd"
                            % type(front_end).__name__)
        if status != 0:
            raise ValueError(self._library.melstream_error_message().decode())

    def __del__(self):
        if getattr(self, "_handle", None):
            self._library.melstream_front_end_free(self._handle)

    @property
    def name(self):
        return self._library.melstream_front_end_name(self._handle).decode()

    @property
    def spec(self):
        return self._library.melstream_front_end_spec(self._handle).decode()

    def bins(self, smoothing):
        """Floats of one row; 0 where the front end has no such smoothing."""
        return self._library.melstream_front_end_bins(self._handle, SMOOTHINGS.index(smoothing))

    def rows(self, n_samples, smoothing):
        """Of a clip of so many samples."""
        return self._library.melstream_front_end_rows(self._handle, SMOOTHINGS.index(smoothing), n_samples)
