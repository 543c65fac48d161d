"""What a feature extractor returns: transformers.BatchFeature where that is installed, else a dictionary that reads like one."""
import functools
import importlib.util
from collections import UserDict


@functools.lru_cache(maxsize=1)
def batch_feature_class():
    if importlib.util.find_spec("transformers") is None:
        return BatchFeature
    from transformers.feature_extraction_utils import BatchFeature as genuine

    return genuine


class BatchFeature(UserDict):
    """Values by key and as attributes."""

    def __init__(self, data=None, tensor_type=None):
        super().__init__({key: as_tensor(value, tensor_type) for key, value in (data or {}).items()})

    def __getattr__(self, name):
        if name == "data":  # while it is unpickled
            raise AttributeError(name)
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None

    def to(self, *arguments, **keywords):
        """Tensors on another device, those of floating point in another dtype. Returns this one, changed."""
        import torch

        dtype = keywords.pop("dtype", None)
        for one in arguments:
            dtype, keywords["device"] = (one, keywords.get("device")) if isinstance(one, torch.dtype) else (dtype, one)
        for key, value in self.data.items():
            if torch.is_tensor(value):
                self.data[key] = value.to(dtype=dtype if value.is_floating_point() else None, **keywords)
        return self


def as_tensor(value, tensor_type):
    """tensor_type: None (as it is), "np" or "pt"."""
    tensor_type = getattr(tensor_type, "value", tensor_type)
    if tensor_type is None:
        return value
    if tensor_type not in ("np", "pt"):
        raise ValueError("return_tensors: is %r; taken are 'np', 'pt' and None" % (tensor_type,))
    import numpy

    array = numpy.asarray(value)
    if tensor_type == "np":
        return array
    try:
        import torch
    except ImportError:
        raise ImportError("return_tensors: is 'pt', and PyTorch is not installed; taken are 'np' and None") from None
    return torch.from_numpy(array)
