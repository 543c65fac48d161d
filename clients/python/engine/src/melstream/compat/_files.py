"""Audio files as samples at 16 kHz, mono: WAV by Python alone, what else there is by ffmpeg."""
import os
import shutil
import subprocess
import wave

import numpy as np

RATE_HZ = 16000


def read(path):
    """int16 [samples]. Raises FileNotFoundError, RuntimeError."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError("audio: there is no file %r" % path)
    samples = _read_wav(path)
    return _read_by_ffmpeg(path) if samples is None else samples


def _read_wav(path):
    """None if the file is not WAV with 16 kHz, mono, PCM of 16 bits."""
    try:
        with wave.open(path, "rb") as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE_HZ, 1, 2):
                return None
            pcm = file.readframes(file.getnframes())
            # Half a sample at the end is none. Who streams WAV does not know its length; ffmpeg reads on.
            return np.frombuffer(pcm, "<i2", len(pcm) // 2) if file.getnframes() > 0 else None
    except (wave.Error, EOFError):
        return None


def _read_by_ffmpeg(path):
    """Mixed down, resampled and rounded to 16 bits by ffmpeg, as openai-whisper has it done."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError("audio: %r is not WAV with 16 kHz, mono, PCM of 16 bits and its length, and there is no ffmpeg to decode it; install "
                           "ffmpeg, or pass samples" % path)
    command = [program, "-nostdin", "-loglevel", "error", "-i", path, "-f", "s16le", "-acodec", "pcm_s16le", "-ac", "1",
               "-ar", str(RATE_HZ), "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("audio: ffmpeg cannot decode %r: %s" % (path, done.stderr.decode(errors="replace").strip()))
    return np.frombuffer(done.stdout, "<i2")
