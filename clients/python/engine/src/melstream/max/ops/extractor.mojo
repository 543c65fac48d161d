"""Engines and front ends, made once in a process and kept. They are no part of a graph, which may be compiled in one
process and run in another."""
from std.collections.string.string_span import get_static_string
from std.ffi import _Global
from std.memory import Pointer
from std.sys import size_of

from .abi import Address, EngineCreate, EngineOptions, FrontEndBySpec, FrontEndRows, Library, function


struct Extractor(Movable):
    """A front end and an engine. Immutable: any thread may use it."""

    var library: Library
    var front_end: Address
    var engine: Address

    def __init__(out self, var name: String, var spec: String, n_threads: Int) raises:
        self.library = Library.open()
        self.front_end = 0
        self.engine = 0
        name += "\0"
        spec += "\0"
        var by_spec = function[FrontEndBySpec](self.library.front_end_by_spec)
        var front_end: Address = 0
        var status = by_spec(
            Int(name.unsafe_ptr()),
            Int(spec.unsafe_ptr()),
            Pointer(to=front_end).as_unsafe_any_origin(),
        )
        _ = name
        _ = spec
        self.library.check_status(status)
        var options = EngineOptions(UInt32(size_of[EngineOptions]()), Int32(n_threads), 0, 0, 0)
        var create = function[EngineCreate](self.library.engine_create)
        var engine: Address = 0
        self.library.check_status(
            create(Pointer(to=options).as_unsafe_any_origin(), Pointer(to=engine).as_unsafe_any_origin())
        )
        self.front_end = front_end
        self.engine = engine

    def rows(self, smoothing: Int, n_samples: Int) -> Int:
        var count = function[FrontEndRows](self.library.front_end_rows)
        return Int(count(self.front_end, Int32(smoothing), Int64(n_samples)))


struct Made(Movable):
    """An extractor, or why there is none: what makes a global cannot raise."""

    var extractor: Optional[Extractor]
    var error: String

    def __init__(out self, name: String, spec: String, n_threads: Int):
        self.extractor = None
        self.error = ""
        try:
            self.extractor = Extractor(name, spec, n_threads)
        except e:
            self.error = String(e)


def make[name: StaticString, spec: StaticString, n_threads: Int]() -> Made:
    return Made(String(name), String(spec), n_threads)


def extractor[name: StaticString, spec: StaticString, n_threads: Int]() raises -> ref[MutUntrackedOrigin] Extractor:
    """The process's only one for a definition and a number of threads.

    Parameters:
        name: Of the front end, for messages.
        spec: The front end's definition, `key=value` lines.
        n_threads: That compute one call.
    """
    comptime key = get_static_string["melstream.log_mel/", String(n_threads), "/", spec]()
    ref made = _Global[key, make[name, spec, n_threads]].get_or_create_ptr()[]
    if not made.extractor:
        raise Error(made.error)
    return made.extractor.value()
