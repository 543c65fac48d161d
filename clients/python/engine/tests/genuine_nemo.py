"""NeMo's own AudioToMelSpectrogramPreprocessor without what the rest of NeMo needs: its two files as they are in nemo_toolkit,
with stand-ins for what those import and do not use for features."""
import contextlib
import importlib.util
import logging
import os
import sys
import types
import unittest
from unittest import mock

from compat_case import IS_FULL, module_or_skip

_PREPROCESSING = "nemo.collections.asr.parts.preprocessing"
_EMPTY = [_PREPROCESSING + ".perturb", _PREPROCESSING + ".segment", "nemo.collections.asr.parts.submodules.spectr_augment",
          "nemo.collections.audio.parts.utils.transforms", "nemo.core.neural_types"]


def preprocessor_or_skip():
    """The class."""
    if not IS_FULL:
        raise unittest.SkipTest("compares with the genuine nemo: MELSTREAM_FULL=1")
    module_or_skip("librosa")
    found = importlib.util.find_spec("nemo")
    if found is None:
        raise unittest.SkipTest("nemo_toolkit is not installed")
    folder = os.path.join(list(found.submodule_search_locations)[0], "collections", "asr")
    with _stand_ins():
        _load(_PREPROCESSING + ".features", os.path.join(folder, "parts", "preprocessing", "features.py"))
        return _load("genuine_nemo_preprocessing", os.path.join(folder, "modules", "audio_preprocessing.py")) \
            .AudioToMelSpectrogramPreprocessor


@contextlib.contextmanager
def _stand_ins():
    torch = module_or_skip("torch")
    modules = {name: mock.MagicMock() for name in _EMPTY}
    modules["nemo.core.classes"] = types.SimpleNamespace(
        Exportable=object, NeuralModule=torch.nn.Module, typecheck=lambda: lambda function: function)
    modules["nemo.core.utils.optional_libs"] = types.SimpleNamespace(NUMBA_CUDA_AVAILABLE=False)
    modules["nemo.utils"] = types.SimpleNamespace(logging=logging.getLogger("nemo"), logging_mode=mock.MagicMock())
    for name in list(modules) + [_PREPROCESSING + ".features"]:
        for parent in _parents(name):
            modules.setdefault(parent, types.ModuleType(parent))
    with mock.patch.dict(sys.modules, modules):
        yield


def _parents(name):
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
