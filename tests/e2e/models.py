"""Files of models as they are published, small: what they say of features is real, the weights are not."""
import io
import json
import os
import struct
import tarfile

import numpy

WHISPER = {"chunk_length": 30, "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80,
           "hop_length": 160, "n_fft": 400, "n_samples": 480000, "nb_max_frames": 3000, "padding_side": "right",
           "padding_value": 0.0, "processor_class": "WhisperProcessor", "return_attention_mask": False,
           "sampling_rate": 16000}

SEAMLESS = {"feature_extractor_type": "SeamlessM4TFeatureExtractor", "feature_size": 80, "num_mel_bins": 80,
            "padding_side": "right", "padding_value": 1, "return_attention_mask": True, "sampling_rate": 16000,
            "stride": 2}

WAV2VEC2 = {"do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1,
            "padding_side": "right", "padding_value": 0.0, "return_attention_mask": False, "sampling_rate": 16000}

NEMO = """sample_rate: 16000
compute_eval_loss: false
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  sample_rate: ${sample_rate}
  normalize: per_feature
  window_size: 0.025
  window_stride: 0.01
  window: hann
  features: %d
  n_fft: 512
  log: true
  frame_splicing: 1
  dither: 1.0e-05
  pad_to: 0
  pad_value: 0.0
encoder:
  _target_: nemo.collections.asr.modules.ConformerEncoder
  feat_in: ${preprocessor.features}
"""

FUNASR = """encoder: SANMEncoder
frontend: WavFrontend
frontend_conf:
    fs: 16000
    window: hamming
    n_mels: 80
    frame_length: 25
    frame_shift: 10
    lfr_m: 7
    lfr_n: 6
    dither: 0.0
    cmvn_file: null
model: Paraformer
"""

# As Vosk's and other nnet3 models have it.
KALDI_HIRES_MFCC = """# config for high-resolution MFCC features
--use-energy=false   # use average of log energy, not energy.
--sample-frequency=16000
--num-mel-bins=40
--num-ceps=40
--low-freq=20
--high-freq=-400 # high cutoff frequency, relative to Nyquist of 8000
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def hugging_face(folder, config):
    return write(os.path.join(folder, "preprocessor_config.json"), json.dumps(config, indent=2))


def nemo_archive(path, config, compression="", weights=1 << 20):
    with tarfile.open(path, "w:" + compression) as archive:
        # The weights first, so that they must be skipped.
        for name, content in (("./model_weights.ckpt", bytes(weights)), ("./model_config.yaml", config.encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_metadata(metadata):
    return b"".join(field(14, field(1, key.encode()) + field(2, value.encode())) for key, value in metadata.items())


def onnx(path, metadata, weights=1000):
    """ir_version, producer, a graph of `weights` zeros (sparse on disk), metadata."""
    head = bytes([0x08]) + varint(8) + field(2, b"pytorch")
    with open(path, "wb") as file:
        file.write(head + varint(7 << 3 | 2) + varint(weights))
        file.seek(weights, os.SEEK_CUR)
        file.write(onnx_metadata(metadata))
    return path


def vector_text(values):
    return ",".join("%g" % value for value in values)


def sense_voice(mean, scale):
    return {"model_type": "sense_voice_ctc", "lfr_window_size": "7", "lfr_window_shift": "6", "normalize_samples": "0",
            "neg_mean": vector_text(mean), "inv_stddev": vector_text(scale), "vocab_size": "25055", "with_itn": "14",
            "without_itn": "15", "comment": "iic/SenseVoiceSmall"}


def am_mvn(mean, scale):
    n = len(mean)
    row = "<LearnRateCoef> 0 [ %s ]\n"
    return "<Nnet>\n<Splice> %d %d\n[ 0 ]\n<AddShift> %d %d\n%s<Rescale> %d %d\n%s</Nnet>\n" % (
        n, n, n, n, row % " ".join("%g" % v for v in mean), n, n, row % " ".join("%g" % v for v in scale))


def cmvn(n):
    generator = numpy.random.default_rng(7)
    return -8 - generator.random(n), 0.1 + 0.05 * generator.random(n)


def lying_length(path):
    """An ONNX file whose graph claims 2 GiB that are not there."""
    with open(path, "wb") as file:
        file.write(varint(7 << 3 | 2) + varint((1 << 31) - 10) + struct.pack("<I", 0))
    return path
