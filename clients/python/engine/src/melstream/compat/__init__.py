"""melstream.compat: in place of the functions of other projects, computed by melstream.engine.

    melstream.compat.whisper.log_mel_spectrogram                     whisper.log_mel_spectrogram
    melstream.compat.transformers.WhisperFeatureExtractor            transformers.WhisperFeatureExtractor
    melstream.compat.torchaudio.fbank, .mfcc                         torchaudio.compliance.kaldi.fbank, .mfcc
    melstream.compat.kaldi_native_fbank.OnlineFbank                  kaldi_native_fbank.OnlineFbank
    melstream.compat.nemo.AudioToMelSpectrogramPreprocessor          NeMo's class of that name

Import the one that you need: each imports what its results are made of (torch, or NumPy alone), none the project that it stands
for. What an option asks for that the engine does not compute is refused with a ValueError; nothing is silently left out.
"""
