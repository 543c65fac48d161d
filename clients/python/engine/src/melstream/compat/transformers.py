"""In place of transformers.WhisperFeatureExtractor (transformers 5.24).

    from melstream.compat.transformers import WhisperFeatureExtractor
    extractor = WhisperFeatureExtractor(feature_size=128)
    inputs = extractor(audio, sampling_rate=16000, return_tensors="pt")

    pipeline("automatic-speech-recognition", model=model, tokenizer=tokenizer, feature_extractor=extractor)
    processor.feature_extractor = extractor                    # of a WhisperProcessor; its constructor takes its own class alone

NumPy alone, but for return_tensors="pt".
"""
import inspect
import json
import logging
import os

import numpy as np

from melstream import engine

from . import _mel_filters
from ._batch_feature import as_tensor, batch_feature_class
from ._padding import Padding
from ._specs import front_end, refuse, require, require_rate

__all__ = ["WhisperFeatureExtractor"]

_log = logging.getLogger(__name__)
_CONFIG_NAME = "preprocessor_config.json"
_F_MAX_HZ = 8000.0
_VARIANCE_GUARD = 1e-7


class WhisperFeatureExtractor:
    """Whisper's log-mel features of clips, padded to 30 s unless it is said otherwise. Arguments, attributes: the original's.

    Raises ValueError that names what the engine does not compute: another sampling_rate than 16000, dither. Other keywords become
    attributes.
    """

    model_input_names = ["input_features"]

    def __init__(self, feature_size=80, sampling_rate=16000, hop_length=160, chunk_length=30, n_fft=400, padding_value=0.0,
                 dither=0.0, return_attention_mask=False, **kwargs):
        require_rate("sampling_rate", sampling_rate)
        require(dither == 0.0, "dither", dither, "is 0.0: features are the same each time")
        self.padding_side = kwargs.pop("padding_side", "right")
        require(self.padding_side in ("right", "left"), "padding_side", self.padding_side, "are 'right' and 'left'")
        self._front_end = front_end(
            "transformers-whisper",
            {"n_mels": ("feature_size", feature_size), "hop_samples": ("hop_length", hop_length), "n_fft": ("n_fft", n_fft),
             "window_samples": ("n_fft", n_fft)},
            n_mels=feature_size, hop_samples=hop_length, n_fft=n_fft, window_samples=n_fft, left_samples=n_fft // 2)
        # Files of configuration have them; the first is computed, the second is a processor's.
        kwargs.pop("mel_filters", None)
        kwargs.pop("processor_class", None)
        self.__dict__.update(kwargs)
        self.feature_size = feature_size
        self.sampling_rate = sampling_rate
        self.padding_value = padding_value
        self.return_attention_mask = return_attention_mask
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.chunk_length = chunk_length
        self.n_samples = chunk_length * sampling_rate
        self.nb_max_frames = self.n_samples // hop_length
        self.dither = dither

    @property
    def mel_filters(self):
        """float64 [n_fft / 2 + 1, feature_size]; the engine has its own."""
        return _mel_filters.slaney(self.n_fft, self.feature_size, 0.0, _F_MAX_HZ, True).T

    def __call__(self, raw_speech, truncation=True, pad_to_multiple_of=None, return_tensors=None, return_attention_mask=None,
                 padding="max_length", max_length=None, sampling_rate=None, do_normalize=None, device="cpu",
                 return_token_timestamps=None, **kwargs):
        """Features of one clip or of several.

        raw_speech: samples [samples], float; or clips, a list of those or [clips, samples].
        padding: "max_length" (to max_length, else to 30 s), "longest" or True, "do_not_pad" or False; then, and without
            truncation, clips must have one length. pad_to_multiple_of: samples.
        do_normalize: clips get mean 0 and variance 1 first.
        device: without effect, as features are on the CPU in any case.
        return_token_timestamps: adds num_frames, the frames that clips have of their own (transformers 4).
        Other keywords are ignored, as in the original.

        Returns a BatchFeature with input_features float32 [clips, feature_size, frames], and attention_mask int32 [clips, frames]
        if it is asked for by return_attention_mask. Where do_normalize or the constructor alone ask for it, it is of samples, as
        in the original.
        """
        if sampling_rate is None:
            _log.warning("sampling_rate is not given; samples are taken for %d Hz", self.sampling_rate)
        else:
            require(sampling_rate == self.sampling_rate, "sampling_rate", sampling_rate,
                    "is %d: resample first" % self.sampling_rate)
        clips = _clips(raw_speech)
        padded = Padding([len(clip) for clip in clips], max_length or self.n_samples, truncation, padding, pad_to_multiple_of,
                         self.padding_side == "left")
        require(padded.n_samples > self.n_fft // 2, "raw_speech", padded.n_samples,
                "are clips of %d samples and more, padding included" % (self.n_fft // 2 + 1))
        result = {"input_features": self._features(clips, padded, do_normalize)}
        if return_attention_mask or do_normalize or self.return_attention_mask:
            mask = padded.mask()
            n_frames = padded.n_samples // self.hop_length
            result["attention_mask"] = mask[:, ::self.hop_length][:, :n_frames] if return_attention_mask else mask
        if return_token_timestamps:
            result["num_frames"] = np.array([len(clip) // self.hop_length for clip in clips])
        return batch_feature_class()({key: as_tensor(value, return_tensors) for key, value in result.items()})

    def _features(self, clips, padded, do_normalize):
        if do_normalize or self.padding_side == "left" or self.padding_value != 0.0:
            samples = padded.samples(clips, self.padding_value)
            clips = _normalized(samples, padded.lengths, self.padding_value) if do_normalize else samples
        # The engine cuts and pads with zeros as it reads.
        return engine.log_mel(list(clips), self._front_end, normalization="whisper_window", layout="mel",
                              pad_to_samples=padded.n_samples)

    def pad(self, processed_features, padding=True, max_length=None, truncation=False, pad_to_multiple_of=None,
            return_attention_mask=None, return_tensors=None):
        """Examples that this extractor made, as one batch: a list of dictionaries, or a dictionary of lists. All are of one shape
        already, so that nothing is padded: what data collators do with Whisper's features."""
        if isinstance(processed_features, (list, tuple)):
            processed_features = {key: [one[key] for one in processed_features] for key in processed_features[0]}
        name = self.model_input_names[0]
        require(name in processed_features, "processed_features", list(processed_features), "are those with " + name)
        shapes = {np.shape(one) for one in processed_features[name]}
        require(len(shapes) < 2, "processed_features", sorted(shapes), "are %s of one shape" % name)
        stacked = {key: np.stack([np.asarray(one) for one in values]) for key, values in processed_features.items()}
        return batch_feature_class()({key: as_tensor(value, return_tensors) for key, value in stacked.items()})

    # ---- configuration

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs):
        """Of a local folder with preprocessor_config.json, or of that file. Nothing is downloaded. kwargs: values instead of the
        file's; what is neither in the file nor in the constructor (cache_dir and the like) is ignored, as in the original."""
        path = os.fspath(pretrained_model_name_or_path)
        path = os.path.join(path, _CONFIG_NAME) if os.path.isdir(path) else path
        if not os.path.isfile(path):
            raise OSError("pretrained_model_name_or_path: is %r; taken is a local folder with %s (nothing is downloaded)" % (
                pretrained_model_name_or_path, _CONFIG_NAME))
        with open(path, encoding="utf-8") as file:
            return cls.from_dict(json.load(file), **kwargs)

    from_json_file = from_pretrained

    @classmethod
    def from_dict(cls, feature_extractor_dict, **kwargs):
        known = {*feature_extractor_dict, *inspect.signature(cls.__init__).parameters}
        return cls(**{**feature_extractor_dict, **{key: value for key, value in kwargs.items() if key in known}})

    def to_dict(self):
        values = {key: value for key, value in self.__dict__.items() if not key.startswith("_")}
        return {**values, "feature_extractor_type": type(self).__name__}

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def save_pretrained(self, save_directory, **kwargs):
        """Writes preprocessor_config.json, which the original reads too."""
        if kwargs.get("push_to_hub"):
            refuse("push_to_hub", True, "is False")
        os.makedirs(save_directory, exist_ok=True)
        path = os.path.join(save_directory, _CONFIG_NAME)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json_string())
        return [path]

    def __repr__(self):
        return "%s %s" % (type(self).__name__, self.to_json_string())


def _clips(raw_speech):
    """float32 [samples] of each; not copied where they are that already."""
    is_array = hasattr(raw_speech, "ndim")
    if not is_array and not isinstance(raw_speech, (list, tuple)):
        raise TypeError("raw_speech: is a %s; taken are an array or a list of samples, and a list of those" % (
            type(raw_speech).__name__))
    is_one = is_array and raw_speech.ndim == 1
    require(is_one or len(raw_speech) > 0, "raw_speech", raw_speech, "are clips, one and more")
    is_batch = not is_one if is_array else hasattr(raw_speech[0], "__len__") and np.ndim(raw_speech[0]) > 0
    clips = [np.ascontiguousarray(clip, np.float32) for clip in (raw_speech if is_batch else [raw_speech])]
    for clip in clips:
        require(clip.ndim == 1, "raw_speech", clip.shape, "are clips of the shape (samples,), mono")
    return clips


def _normalized(samples, lengths, padding_value):
    """Mean 0 and variance 1 over as many samples as the clip has, from the first on; behind them the padding again."""
    for clip, n in zip(samples, lengths):
        own = clip[:n]
        clip -= own.mean()
        clip /= np.sqrt(own.var() + _VARIANCE_GUARD)
        clip[n:] = padding_value
    return samples
