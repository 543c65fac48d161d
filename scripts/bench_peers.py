"""The measuring part of scripts/bench-peers: run by it, in a virtual environment that has the other libraries.

Every library gets the whole of tests/golden/audio/jfk.wav (11 s, float32 in memory) in one call, its best case; only
the call that computes features is timed. melstream's engine gets the same samples as 64 streams that begin at different
places. Time is the processor time of the process, so that other programs disturb less. A run is as many calls as take
0.3 s; the fastest and the median run count.
Each library is measured in a process of its own (--peer NAME prints its measurements as JSON).
"""
import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import wave

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from compare.machine import processor  # noqa: E402

RUN_S = 0.3


def read_audio():
    with wave.open(os.path.join(ROOT, "tests", "golden", "audio", "jfk.wav")) as file:
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768.0


def measure(call, n_frames, runs, overhead=None):
    """Nanoseconds a frame of each run, less the fastest of `overhead`: what the binding costs and the library does not."""
    if overhead is not None:
        spared = min(measure(overhead, n_frames, runs))
        return [ns - spared for ns in measure(call, n_frames, runs)]
    call()
    start = time.process_time()
    call()
    n_calls = max(1, int(RUN_S / (time.process_time() - start)))
    times = []
    for _ in range(runs):
        start = time.process_time_ns()
        for _ in range(n_calls):
            call()
        times.append((time.process_time_ns() - start) / n_calls / n_frames)
    return times


def version(package):
    return "%s %s" % (package, importlib.metadata.version(package))


# Each peer below yields (front end of ours, what is measured, call, frames a call, overhead or None). Imports are
# inside: a library that is not installed is left out.


def knf_options(options, low=20.0, high=-400.0, bins=80, snip_edges=False):
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = snip_edges
    options.frame_opts.samp_freq = 16000.0
    options.mel_opts.num_bins = bins
    options.mel_opts.low_freq = low
    options.mel_opts.high_freq = high
    return options


def kaldi_native_fbank(audio):
    import kaldi_native_fbank as knf

    def run(make, samples):
        online = make()
        online.accept_waveform(16000, samples)
        online.input_finished()
        return online.num_frames_ready

    fbank = knf_options(knf.FbankOptions())
    # Its binding takes a list of Python floats, which C++ callers do not pay for: the same call for a single frame.
    single = knf_options(knf.FbankOptions(), snip_edges=True)
    single.frame_opts.frame_shift_ms = 1e6
    mfcc = knf_options(knf.MfccOptions(), high=0.0, bins=23, snip_edges=True)
    mfcc.num_ceps = 13
    samples = audio.tolist()
    loud = (audio * 32768.0).tolist()

    def call_fbank():
        return run(lambda: knf.OnlineFbank(fbank), samples)

    def call_mfcc():
        return run(lambda: knf.OnlineMfcc(mfcc), loud)

    def overhead():
        online = knf.OnlineFbank(single)
        online.accept_waveform(16000, samples)

    name = version("kaldi-native-fbank")
    yield "kaldi-80", name + ", OnlineFbank", call_fbank, call_fbank(), overhead
    yield "mfcc-13", name + ", OnlineMfcc", call_mfcc, call_mfcc(), overhead


def librosa(audio):
    import librosa as library

    def call():
        return library.feature.melspectrogram(y=audio, sr=16000, n_fft=400, hop_length=160, n_mels=80, pad_mode="constant")

    yield "librosa-80", version("librosa") + ", feature.melspectrogram", call, call().shape[1], None


def torchaudio(audio):
    import torch
    import torchaudio as library

    torch.set_num_threads(1)
    samples = torch.from_numpy(audio)
    transform = library.transforms.MelSpectrogram(sample_rate=16000, n_fft=400, hop_length=160, n_mels=80)
    name = version("torchaudio")

    def call_mel():
        with torch.inference_mode():
            return transform(samples)

    def call_fbank():
        with torch.inference_mode():
            return library.compliance.kaldi.fbank(samples[None], num_mel_bins=80, low_freq=20.0, high_freq=-400.0,
                                                  snip_edges=False, dither=0.0, sample_frequency=16000.0)

    yield "torchaudio-80", name + ", transforms.MelSpectrogram", call_mel, call_mel().shape[1], None
    yield "kaldi-80", name + ", compliance.kaldi.fbank", call_fbank, call_fbank().shape[0], None


def whisper(audio):
    import torch
    import whisper.audio as library

    torch.set_num_threads(1)
    samples = torch.from_numpy(audio)
    name = "%s on %s" % (version("openai-whisper"), version("torch"))
    for n_mels in (80, 128):
        def call(n_mels=n_mels):
            with torch.inference_mode():
                return library.log_mel_spectrogram(samples, n_mels=n_mels)

        yield "whisper-%d" % n_mels, name + ", log_mel_spectrogram", call, call().shape[1], None


def engine_times(program, runs, front_ends):
    """(front end -> ns a frame of each repetition of bench/engine_bench, instruction target)."""
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        file.write(read_audio().tobytes())
        file.flush()
        # The flag takes a plain number in every release of Google Benchmark (newer ones also "0.3s").
        result = subprocess.run([program, "--audio=" + file.name, "--benchmark_format=json",
                                 "--benchmark_filter=^(%s)$" % "|".join(sorted(front_ends)),
                                 "--benchmark_repetitions=%d" % runs, "--benchmark_min_time=%g" % RUN_S],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                                text=True)
    times = {}
    target = ""
    for run in json.loads(result.stdout)["benchmarks"]:
        if run.get("run_type") == "iteration":
            times.setdefault(run["run_name"], []).append(run["ns_per_frame"])
            target = run.get("label", target)
    return times, target


PEERS = {peer.__name__: peer for peer in (whisper, kaldi_native_fbank, torchaudio, librosa)}


def measure_peer(name, runs):
    """JSON of what a peer yields, for the process that asked."""
    audio = read_audio()
    rows = [(front_end, what, measure(call, n_frames, runs, overhead))
            for front_end, what, call, n_frames, overhead in PEERS[name](audio)]
    print(json.dumps(rows))


def ask_peer(name, runs, path):
    """Rows of a peer measured in a process of its own, or why there are none. path: where its package lies, or None."""
    environment = dict(os.environ, PYTHONPATH=path or "")
    result = subprocess.run([sys.executable, os.path.abspath(__file__), "--peer", name, "--runs", str(runs)],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        return [], "%s: %s" % (name, (result.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(result.stdout.splitlines()[-1]), None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine-bench")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--older-knf", help="folder with an older kaldi-native-fbank, measured too")
    parser.add_argument("--peer", choices=sorted(PEERS))
    options = parser.parse_args()
    if options.peer:
        measure_peer(options.peer, options.runs)
        return 0
    asked = [(name, None) for name in PEERS]
    if options.older_knf:
        asked.append(("kaldi_native_fbank", options.older_knf))

    front_ends = {"whisper-80", "whisper-128", "kaldi-80", "mfcc-13", "librosa-80", "torchaudio-80"}
    ours, target = engine_times(options.engine_bench, options.runs, front_ends)
    rows = []
    missing = []
    for name, path in asked:
        measured, reason = ask_peer(name, options.runs, path)
        rows.extend(measured)
        if reason:
            missing.append(reason)
    # The machine may have slowed down meanwhile: our fastest and median run are of both halves.
    for front_end, times in engine_times(options.engine_bench, options.runs, front_ends)[0].items():
        ours[front_end].extend(times)

    print("%s, melstream's target %s, Python %s, one thread, %d runs, ns a frame: fastest (median)\n"
          % (processor(), target, platform.python_version(), options.runs))
    print("| front end | library | theirs | melstream | ratio of the fastest |")
    print("|---|---|---|---|---|")
    for front_end, what, theirs in sorted(rows, key=lambda row: row[:2]):
        mine = ours[front_end]
        print("| %s | %s | %.0f (%.0f) | %.0f (%.0f) | %.1f |"
              % (front_end, what, min(theirs), statistics.median(theirs), min(mine), statistics.median(mine),
                 min(theirs) / min(mine)))
    for reason in missing:
        print("\nNot measured: %s" % reason)
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
