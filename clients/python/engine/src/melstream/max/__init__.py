"""melstream's features inside a MAX graph: a custom op in Mojo that calls the engine. For the CPU.

    from max.graph import DeviceRef, Graph, TensorType
    from max.dtype import DType
    import melstream.max

    clip = TensorType(DType.float32, ["n_samples"], device=DeviceRef.CPU())
    with Graph("features", input_types=[clip], custom_extensions=[melstream.max.OPS]) as graph:
        graph.output(melstream.max.log_mel(graph.inputs[0].tensor, "whisper-80"))
"""
from . import _library
from ._graph import OPS, log_mel

__all__ = ["OPS", "log_mel"]

# Here, and not with the first graph: a graph that was compiled elsewhere needs the library too.
_library.library()
