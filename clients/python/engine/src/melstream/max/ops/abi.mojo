"""What the op uses of melstream/engine.h: structs, functions by their address, and the library that has them."""
from std.ffi import OwnedDLHandle, RTLD, external_call
from std.memory import Pointer
from std.os import getenv
from std.sys import size_of

# MELSTREAM_ABI_VERSION of the header that the structs below follow.
comptime ABI_VERSION: UInt32 = 1
comptime LIBRARY_VARIABLE = "MELSTREAM_ENGINE_LIBRARY"
# By this name dlopen() finds a library that the process has loaded already, from wherever: melstream.max loads it.
comptime LIBRARY_NAME = "libmelstream_engine.so.1"

# A C pointer that Mojo does not look behind.
comptime Address = Int
comptime OK: Int32 = 0
comptime FLOAT32: Int32 = 0
comptime INT16: Int32 = 1
comptime HOST: Int32 = 0


@fieldwise_init
struct EngineOptions(Movable):
    """The header's melstream_engine_options."""

    var struct_size: UInt32
    var n_threads: Int32
    var backend: Address
    var simd: Address
    var cuda_device: Int32


@fieldwise_init
struct ClipOptions(Movable):
    """The header's melstream_clip_options."""

    var struct_size: UInt32
    var sample_type: Int32
    var smoothing: Int32
    var normalization: Int32
    var fixed_max: Float32
    var fill: Float32
    var pad_to_samples: Int64
    var memory: Int32
    var cuda_stream: Address


@fieldwise_init
struct Clip(Copyable, Movable):
    """The header's melstream_clip."""

    var samples: Address
    var n_samples: Int64


@fieldwise_init
struct Output(Copyable, Movable):
    """The header's melstream_output."""

    var values: Address
    var n_rows: Int64
    var row_stride: Int64
    var bin_stride: Int64


# Out and in-out arguments have a type, so that the compiler keeps what they point to.
comptime AbiVersion = def() thin abi("C") -> UInt32
comptime ErrorMessage = def() thin abi("C") -> Address
comptime FrontEndBySpec = def(Address, Address, Pointer[Address, MutAnyOrigin]) thin abi("C") -> Int32
comptime FrontEndRows = def(Address, Int32, Int64) thin abi("C") -> Int64
comptime EngineCreate = def(Pointer[EngineOptions, MutAnyOrigin], Pointer[Address, MutAnyOrigin]) thin abi("C") -> Int32
comptime Extract = def(Address, Address, Pointer[ClipOptions, MutAnyOrigin], Int, Address, Address) thin abi(
    "C"
) -> Int32


def function[Type: TrivialRegisterPassable](address: Address) -> Type:
    """The C function that lies there."""
    var kept = address
    return Pointer(to=kept).unsafe_bitcast[Type]()[]


def text(c_string: Address) -> String:
    """A copy of what a C string says."""
    var bytes = Pointer[UInt8, MutUntrackedOrigin](unsafe_from_address=c_string)
    return String(unsafe_from_utf8=Span(unsafe_ptr=bytes, length=external_call["strlen", Int](c_string)))


@fieldwise_init
struct Library(Movable):
    """Addresses of the functions. The library stays loaded as long as the process lives."""

    var error_message: Address
    var front_end_by_spec: Address
    var front_end_rows: Address
    var engine_create: Address
    var extract: Address

    @staticmethod
    def open() raises -> Self:
        var path = getenv(LIBRARY_VARIABLE, LIBRARY_NAME)
        var handle: OwnedDLHandle
        try:
            handle = OwnedDLHandle(path, RTLD.NOW | RTLD.NODELETE)
        except e:
            raise Error(e, "; import melstream.max first, or set ", LIBRARY_VARIABLE, " to the path of ", LIBRARY_NAME)
        Self.check(handle, path)
        return Self(
            Self.find(handle, "melstream_error_message"),
            Self.find(handle, "melstream_front_end_by_spec"),
            Self.find(handle, "melstream_front_end_rows"),
            Self.find(handle, "melstream_engine_create"),
            Self.find(handle, "melstream_extract"),
        )

    @staticmethod
    def check(handle: OwnedDLHandle, path: String) raises:
        """Refuses a library whose structs are not those above."""
        comptime assert size_of[EngineOptions]() == 32 and size_of[ClipOptions]() == 48
        comptime assert size_of[Clip]() == 16 and size_of[Output]() == 32
        var version = function[AbiVersion](Self.find(handle, "melstream_abi_version"))()
        if version != ABI_VERSION:
            raise Error(
                path,
                " has ABI version ",
                version,
                ", the MAX op takes ",
                ABI_VERSION,
                ": install both from one release of melstream",
            )

    @staticmethod
    def find(handle: OwnedDLHandle, name: String) raises -> Address:
        var symbol = handle.get_symbol[NoneType](name)
        if not symbol:
            raise Error("the library has no ", name, ": it is not melstream's engine")
        return Int(symbol.value())

    def check_status(self, status: Int32) raises:
        """Raises what the library says about a failure. To be called on the thread of the call that failed."""
        if status != OK:
            raise Error(text(function[ErrorMessage](self.error_message)()))
