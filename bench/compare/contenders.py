"""All contenders, in the order of the tables."""
from .gpu_contenders import FlashmelCuda, MelstreamCuda, TorchaudioCuda
from .kaldi_contenders import KaldiNativeFbank, KaldiNativeWhisper, OlderKaldiNativeFbank
from .numpy_contenders import Asrfront, Librosa, LibrosaMelspectrogram, Melstream, MelstreamRowsFirst, Numpy
from .torch_contenders import OpenaiWhisper, Torchaudio, TorchaudioKaldi, Transformers, TransformersNumpy

OURS = {"cpu": Melstream.name, "cuda": MelstreamCuda.name}

CONTENDERS = {one.name: one for one in (
    Melstream, MelstreamRowsFirst, Asrfront, Torchaudio, OpenaiWhisper, Transformers, TransformersNumpy, Librosa,
    LibrosaMelspectrogram, Numpy, KaldiNativeWhisper, KaldiNativeFbank, OlderKaldiNativeFbank, TorchaudioKaldi,
    MelstreamCuda, FlashmelCuda, TorchaudioCuda)}
