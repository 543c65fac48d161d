"""The genuine front ends: one function each, with exactly the arguments that give what the daemon serves."""
from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

import numpy as np

RATE = 16000
WHISPER_SAMPLES = 30 * RATE
INT16 = 32768.0


@dataclass(frozen=True)
class Reference:
    """compute: float32 samples, full scale 1, to [frames, bins]. normalization and pad_to_seconds: what the daemon is
    asked for beside the front end."""

    front_end: str
    library: str
    package: str  #: its name in the package index
    call: str  #: function and arguments, as documentation
    compute: Callable[[np.ndarray], np.ndarray]
    normalization: str = "none"
    pad_to_seconds: Optional[float] = None

    @property
    def version(self) -> Optional[str]:
        """Of the installed package; None: it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def _whisper(n_mels: int) -> Callable[[np.ndarray], np.ndarray]:
    def compute(samples: np.ndarray) -> np.ndarray:
        import whisper

        return whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), n_mels).numpy().T

    return compute


def _transformers(n_mels: int) -> Callable[[np.ndarray], np.ndarray]:
    def compute(samples: np.ndarray) -> np.ndarray:
        from transformers import WhisperFeatureExtractor

        extractor = WhisperFeatureExtractor(feature_size=n_mels)
        return extractor(samples, sampling_rate=RATE, return_tensors="np").input_features[0].T

    return compute


def _faster_whisper(n_mels: int) -> Callable[[np.ndarray], np.ndarray]:
    def compute(samples: np.ndarray) -> np.ndarray:
        from faster_whisper.feature_extractor import FeatureExtractor

        padded = np.zeros(WHISPER_SAMPLES, np.float32)
        padded[: len(samples)] = samples[:WHISPER_SAMPLES]
        return FeatureExtractor(feature_size=n_mels)(padded, padding=0).T

    return compute


def _torchaudio_kaldi(kind: str, scale: float, **arguments: Any) -> Callable[[np.ndarray], np.ndarray]:
    def compute(samples: np.ndarray) -> np.ndarray:
        import torch
        from torchaudio.compliance import kaldi

        waveform = torch.from_numpy(samples * np.float32(scale))[None]
        return getattr(kaldi, kind)(waveform, sample_frequency=RATE, dither=0.0, **arguments).numpy()

    return compute


def _torchaudio_mel(samples: np.ndarray) -> np.ndarray:
    import torch
    from torchaudio.transforms import MelSpectrogram

    return MelSpectrogram(RATE, n_fft=400, hop_length=160, n_mels=80)(torch.from_numpy(samples)).numpy().T


def _librosa(samples: np.ndarray) -> np.ndarray:
    import librosa

    return librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=400, hop_length=160, n_mels=80, center=True, pad_mode="constant").T


def _lhotse(samples: np.ndarray) -> np.ndarray:
    import lhotse

    return np.asarray(lhotse.Fbank(lhotse.FbankConfig(dither=0.0)).extract(samples, RATE))


def _nemo(n_mels: int, normalize: Optional[str]) -> Callable[[np.ndarray], np.ndarray]:
    def compute(samples: np.ndarray) -> np.ndarray:
        import torch
        from nemo.collections.asr.parts.preprocessing.features import FilterbankFeatures

        module = FilterbankFeatures(
            nfilt=n_mels, n_window_size=400, n_window_stride=160, normalize=normalize, dither=0.0, pad_to=0)
        module.eval()
        features, length = module(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
        return features[0, :, : int(length[0])].numpy().T

    return compute


def _funasr(samples: np.ndarray) -> np.ndarray:
    import torch
    from funasr.frontends.wav_frontend import WavFrontend

    frontend = WavFrontend(fs=RATE, window="hamming", n_mels=80, lfr_m=7, lfr_n=6, dither=0.0)
    features, _ = frontend(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
    return features[0].numpy()


def _kaldi_native_fbank(kind: str, scale: float, **frame: Any) -> Callable[[np.ndarray], np.ndarray]:
    """frame: of frame_opts, mel_opts (with the prefix mel_), or of the options themselves."""

    def compute(samples: np.ndarray) -> np.ndarray:
        import kaldi_native_fbank as knf

        options = getattr(knf, kind + "Options")()
        options.frame_opts.dither = 0.0
        options.frame_opts.samp_freq = RATE
        for name, value in frame.items():
            if name.startswith("mel_"):
                setattr(options.mel_opts, name[len("mel_"):], value)
            elif hasattr(options.frame_opts, name):
                setattr(options.frame_opts, name, value)
            else:
                setattr(options, name, value)
        online = getattr(knf, "Online" + kind)(options)
        online.accept_waveform(RATE, (samples * np.float32(scale)).tolist())
        online.input_finished()
        return np.stack([online.get_frame(at) for at in range(online.num_frames_ready)])

    return compute


def _kaldi_both(front_end: str, scale: float, snip_edges: bool, high_freq: float, window: str = "povey") -> List[Reference]:
    """torchaudio and kaldi-native-fbank, which compute the same."""
    scaled = "samples * 32768, " if scale != 1 else "samples, "
    arguments = dict(num_mel_bins=80, low_freq=20.0, high_freq=high_freq, snip_edges=snip_edges, window_type=window)
    text = ", ".join("%s=%r" % one for one in arguments.items())
    native = dict(mel_num_bins=80, mel_low_freq=20.0, mel_high_freq=high_freq, snip_edges=snip_edges, window_type=window)
    return [
        Reference(front_end, "torchaudio", "torchaudio", "compliance.kaldi.fbank(%sdither=0, %s)" % (scaled, text),
                  _torchaudio_kaldi("fbank", scale, **arguments)),
        Reference(front_end, "kaldi_native_fbank", "kaldi-native-fbank", "OnlineFbank (%sdither=0, %s)" % (scaled, text),
                  _kaldi_native_fbank("Fbank", scale, **native)),
    ]


def _kaldi_mfcc(front_end: str, use_energy: bool) -> List[Reference]:
    text = "samples * 32768, dither=0, num_ceps=13, num_mel_bins=23, use_energy=%r, energy_floor=0" % use_energy
    arguments = dict(
        num_ceps=13, num_mel_bins=23, low_freq=20.0, high_freq=0.0, use_energy=use_energy, energy_floor=0.0)
    native = dict(
        num_ceps=13, mel_num_bins=23, mel_low_freq=20.0, mel_high_freq=0.0, use_energy=use_energy, energy_floor=0.0,
        snip_edges=True)
    return [
        Reference(front_end, "torchaudio", "torchaudio", "compliance.kaldi.mfcc(%s)" % text,
                  _torchaudio_kaldi("mfcc", INT16, **arguments)),
        Reference(front_end, "kaldi_native_fbank", "kaldi-native-fbank", "OnlineMfcc (%s)" % text,
                  _kaldi_native_fbank("Mfcc", INT16, **native)),
    ]


def _whisper_likes(n_mels: int) -> List[Reference]:
    front_end = "whisper-%d" % n_mels
    rows = (
        ("whisper", "openai-whisper", "log_mel_spectrogram(pad_or_trim(samples), %d)" % n_mels, _whisper(n_mels)),
        ("transformers", "transformers", "WhisperFeatureExtractor(feature_size=%d)(samples)" % n_mels,
         _transformers(n_mels)),
        ("faster_whisper", "faster-whisper", "FeatureExtractor(feature_size=%d)(30 s of samples, padding=0)" % n_mels,
         _faster_whisper(n_mels)),
    )
    return [Reference(front_end, *row, "whisper_window", 30) for row in rows]


def _nemo_both(n_mels: int) -> List[Reference]:
    call = "FilterbankFeatures(nfilt=%d, n_window_size=400, n_window_stride=160, normalize=%r, dither=0, pad_to=0)"
    front_end = "nemo-%d" % n_mels
    return [
        Reference(front_end, "nemo", "nemo-toolkit", call % (n_mels, None), _nemo(n_mels, None)),
        Reference(front_end, "nemo", "nemo-toolkit", call % (n_mels, "per_feature"), _nemo(n_mels, "per_feature"),
                  "per_feature_window"),
    ]


REFERENCES: List[Reference] = [
    *_whisper_likes(80),
    *_whisper_likes(128),
    *_kaldi_both("kaldi-80", 1, False, -400.0),
    Reference("kaldi-80", "lhotse", "lhotse", "Fbank(FbankConfig(dither=0)).extract(samples, 16000)", _lhotse),
    *_kaldi_both("kaldi-80-hf0", 1, False, 0.0),
    *_kaldi_both("kaldi-80-int16", INT16, False, -400.0),
    *_kaldi_both("wenet-80", INT16, True, 0.0),
    *_kaldi_both("funasr-80", INT16, True, 0.0, "hamming"),
    Reference("paraformer-560", "funasr", "funasr",
              "WavFrontend(window='hamming', n_mels=80, lfr_m=7, lfr_n=6, dither=0)", _funasr),
    *_nemo_both(80),
    *_nemo_both(128),
    *_kaldi_mfcc("mfcc-13", True),
    *_kaldi_mfcc("mfcc-13-c0", False),
    Reference("librosa-80", "librosa", "librosa",
              "feature.melspectrogram(n_fft=400, hop_length=160, n_mels=80, pad_mode='constant')", _librosa),
    Reference("torchaudio-80", "torchaudio", "torchaudio",
              "transforms.MelSpectrogram(16000, n_fft=400, hop_length=160, n_mels=80)", _torchaudio_mel),
]


def by_library() -> Dict[str, List[Reference]]:
    libraries: Dict[str, List[Reference]] = {}
    for one in REFERENCES:
        libraries.setdefault(one.library, []).append(one)
    return libraries
