"""Prints, for each part of melstream.compat, the largest difference from its original over the golden clips, and where it is: the
table of docs/library.md. Needs the originals.

    MELSTREAM_FULL=1 python clients/python/engine/tests/compat_differences.py
"""
import importlib.metadata

import kaldi_native_fbank as genuine_knf
import numpy as np
import torch
import torchaudio.compliance.kaldi as genuine_torchaudio
import transformers as genuine_transformers
import whisper as genuine_whisper

from compat_case import clips, samples
from genuine_nemo import preprocessor_or_skip
from melstream.compat import kaldi_native_fbank, nemo, torchaudio, transformers, whisper


def by_whisper(library):
    return lambda clip: library.log_mel_spectrogram(samples(clip)).T


def by_transformers(library):
    extractor = library.WhisperFeatureExtractor()
    return lambda clip: extractor(samples(clip), sampling_rate=16000, padding=False).input_features[0].T


def by_fbank(library):
    return lambda clip: library.fbank(torch.from_numpy(samples(clip))[None] * 32768, num_mel_bins=80)


def by_mfcc(library):
    return lambda clip: library.mfcc(torch.from_numpy(samples(clip))[None] * 32768, use_energy=True)


def by_knf(library):
    options = library.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = 80

    def features(clip):
        fbank = library.OnlineFbank(options)
        fbank.accept_waveform(16000, samples(clip))
        fbank.input_finished()
        return np.array([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])

    return features


def by_nemo(preprocessor):
    made = preprocessor(window_size=0.025, features=80).eval()

    def features(clip):
        signal = torch.from_numpy(samples(clip))[None]
        found, lengths = made(input_signal=signal, length=torch.tensor([signal.shape[1]]))
        return found[0, :, :int(lengths[0])].T

    return features


def rows():
    """Name, distribution, shortest clip that the original takes, the original's function, ours."""
    yield "whisper.log_mel_spectrogram", "openai-whisper", 201, by_whisper(genuine_whisper), by_whisper(whisper)
    yield ("transformers.WhisperFeatureExtractor", "transformers", 201, by_transformers(genuine_transformers),
           by_transformers(transformers))
    yield "torchaudio.fbank, 80 bins, int16 range", "torchaudio", 400, by_fbank(genuine_torchaudio), by_fbank(torchaudio)
    yield "torchaudio.mfcc, int16 range", "torchaudio", 400, by_mfcc(genuine_torchaudio), by_mfcc(torchaudio)
    yield "kaldi_native_fbank.OnlineFbank, 80 bins", "kaldi_native_fbank", 1, by_knf(genuine_knf), by_knf(kaldi_native_fbank)
    yield ("nemo.AudioToMelSpectrogramPreprocessor", "nemo_toolkit", 1, by_nemo(preprocessor_or_skip()),
           by_nemo(nemo.AudioToMelSpectrogramPreprocessor))


def differences(wanted, found, names):
    """(largest, mean, clip) of each clip that has frames."""
    for clip in names:
        one, other = (np.asarray(function(clip), np.float64) for function in (wanted, found))
        if one.size:
            apart = np.abs(one - other)
            yield float(apart.max()), float(apart.mean()), clip


def main():
    print("| drop-in | original | largest difference | without the synthetic clips | mean on jfk |")
    print("|---|---|---|---|---|")
    for name, distribution, fewest, wanted, found in rows():
        all_clips = list(differences(wanted, found, clips(fewest)))
        speech = [one for one in all_clips if one[2] in ("jfk", "espeak") or one[2].startswith("short")]
        print("| %s | %s %s | %s | %s | %.2g |" % (
            name, distribution, importlib.metadata.version(distribution), "%.2g (%s)" % max(all_clips)[::2],
            "%.2g (%s)" % max(speech)[::2], next(mean for _, mean, clip in all_clips if clip == "jfk")))


if __name__ == "__main__":
    main()
