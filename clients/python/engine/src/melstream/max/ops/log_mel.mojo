"""The op: features of whole clips. Samples, lengths and features lie on the host, row-major and without holes.

Its parameters are those of melstream_clip_options, and
    front_end, spec  name (for messages) and definition of the front end
    n_bins           floats of a row
    n_threads        that compute one call
    has_lengths      whether the second operand, int64 [batch], is looked at; where not, it may be anything
    mel_major        [bins][rows] instead of [rows][bins]
Floats are given by their bits: MAX 26.6 takes no float as a parameter.
"""
import extensibility
from extensibility import InputTensor, OutputTensor, Tensor
from max.gpu.host import DeviceContext
from std.memory import Pointer, bitcast
from std.sys import size_of
from std.utils.coord import coord_to_index_list
from std.utils.index import IndexList

from .abi import FLOAT32, HOST, INT16, Clip, ClipOptions, Extract, Output, function
from .extractor import Extractor, extractor


def float_of(bits: Int) -> Float32:
    return bitcast[DType.float32](UInt32(bits))


def clips_of[has_lengths: Bool](samples: InputTensor[...], lengths: InputTensor[...]) raises -> List[Clip]:
    """Where the clips of samples [n] or [batch][n] lie."""
    var n_samples = samples.dim_size[samples.rank - 1]()
    var n_clips = 1
    comptime if samples.rank == 2:
        n_clips = samples.dim_size[0]()
    comptime if has_lengths:
        comptime assert lengths.dtype == DType.int64 and lengths.rank == 1, "lengths are int64 [batch]"
        if lengths.dim_size[0]() != n_clips:
            raise Error("lengths has ", lengths.dim_size[0](), " values for ", n_clips, " clips")
    var clips = List[Clip](capacity=n_clips)
    for i in range(n_clips):
        var length = Int64(n_samples)
        comptime if has_lengths:
            var at = Int(lengths.unsafe_ptr()) + i * size_of[Int64]()
            length = Pointer[Int64, MutUntrackedOrigin](unsafe_from_address=at)[]
            if length < 0 or length > Int64(n_samples):
                raise Error("lengths[", i, "] is ", length, "; clips have 0 to ", n_samples, " samples")
        clips.append(Clip(Int(samples.unsafe_ptr()) + i * n_samples * size_of[Scalar[samples.dtype]](), length))
    return clips^


def outputs_of[mel_major: Bool](features: OutputTensor[dtype=DType.float32, ...], n_clips: Int) -> List[Output]:
    """Where the features of the clips go."""
    var n_rows = features.dim_size[features.rank - (1 if mel_major else 2)]()
    var n_bins = features.dim_size[features.rank - (2 if mel_major else 1)]()
    var outputs = List[Output](capacity=n_clips)
    for i in range(n_clips):
        var values = Int(features.unsafe_ptr()) + i * n_rows * n_bins * size_of[Float32]()
        comptime if mel_major:
            outputs.append(Output(values, Int64(n_rows), 1, Int64(n_rows)))
        else:
            outputs.append(Output(values, Int64(n_rows), Int64(n_bins), 1))
    return outputs^


def extract(extractor: Extractor, var options: ClipOptions, clips: List[Clip], outputs: List[Output]) raises:
    var call = function[Extract](extractor.library.extract)
    var status = call(
        extractor.engine,
        extractor.front_end,
        Pointer(to=options).as_unsafe_any_origin(),
        len(clips),
        Int(clips.unsafe_ptr()),
        Int(outputs.unsafe_ptr()),
    )
    extractor.library.check_status(status)


@extensibility.register("melstream.log_mel")
struct LogMel:
    @staticmethod
    def execute[
        target: StaticString,
        front_end: StaticString,
        spec: StaticString,
        n_bins: Int,
        n_threads: Int,
        smoothing: Int,
        normalization: Int,
        fixed_max_bits: Int,
        fill_bits: Int,
        pad_to_samples: Int,
        has_lengths: Bool,
        mel_major: Bool,
    ](
        features: OutputTensor[dtype=DType.float32, ...],
        samples: InputTensor[...],
        lengths: InputTensor[...],
        ctx: DeviceContext,
    ) raises:
        comptime assert target == "cpu", "melstream.log_mel runs on the CPU"
        comptime assert samples.dtype == DType.float32 or samples.dtype == DType.int16, "samples are float32 or int16"
        var options = ClipOptions(
            UInt32(size_of[ClipOptions]()),
            INT16 if samples.dtype == DType.int16 else FLOAT32,
            Int32(smoothing),
            Int32(normalization),
            float_of(fixed_max_bits),
            float_of(fill_bits),
            Int64(pad_to_samples),
            HOST,
            0,
        )
        var clips = clips_of[has_lengths](samples, lengths)
        var outputs = outputs_of[mel_major](features, len(clips))
        extract(extractor[front_end, spec, n_threads](), options^, clips, outputs)
        # Their addresses were used above: they live until here.
        _ = clips
        _ = outputs


@extensibility.register_shape_function("melstream.log_mel")
def log_mel_shape[
    front_end: StaticString,
    spec: StaticString,
    n_bins: Int,
    n_threads: Int,
    smoothing: Int,
    normalization: Int,
    fixed_max_bits: Int,
    fill_bits: Int,
    pad_to_samples: Int,
    has_lengths: Bool,
    mel_major: Bool,
](samples: Some[Tensor], lengths: Some[Tensor]) raises -> IndexList[type_of(samples).rank + 1]:
    """For graphs that are built before the number of samples is known."""
    comptime rank = type_of(samples).rank
    var given = rebind[IndexList[rank]](coord_to_index_list(samples.shape().tuple()))
    var n_samples = pad_to_samples if pad_to_samples > 0 else given[rank - 1]
    var n_rows = extractor[front_end, spec, n_threads]().rows(smoothing, n_samples)
    var shape = IndexList[rank + 1]()
    shape[0] = given[0]
    shape[rank - 1] = n_bins if mel_major else n_rows
    shape[rank] = n_rows if mel_major else n_bins
    return shape
