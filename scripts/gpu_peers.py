#!/usr/bin/env python3
"""The peers of the CUDA engine on the same GPU and the same audio: run by scripts/gpu-check after its benchmark.

  scripts/gpu_peers.py --data FOLDER [--device cuda:0] [--json FILE]

FOLDER holds what the benchmark wrote: frames.f32 (10,000 clips of one frame: what live streams are) and clips.f32 (100
clips of 100 frames: what others are best at), the rows that melstream computed of them, and benchmark.json with its
times. A call begins with float32 samples in host memory and ends with features in host memory, transfers included,
once with ordinary (pageable) memory and once with memory that is pinned and reused. melstream is compared as the
daemon runs it (in place, asleep) and, beside it, in the mode that is fastest here. What each computes:

  torchaudio  transforms.MelSpectrogram (Slaney filters, center=False), then clamp and log10: the numbers of whisper-80
  torch.stft  the same numbers by torch.stft and a sparse mel matrix
  graphed     torchaudio's, as a CUDA graph: what a caller who takes pains would do
  whisper     whisper.log_mel_spectrogram, with its own padding of each clip and its clamp: clips.f32 only
  flashmel    flashmel.MelSpectrogram (a fused kernel), then clamp and log10

What cannot be imported or fails is "not run". Needs torch; numpy is not needed. Exit status: 0, or 77 if nothing could
be run.
"""
import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings

N_FFT, HOP, N_MELS, RATE = 400, 160, 80, 16000
FLOOR = 1e-10
REACH = 5.0  # times torchaudio
NOTHING_RUN = 77
MODES = ("in place.sleep", "staged.spin", "in place.spin")  # of melstream; the daemon's first


def slaney_filters():
    """[80][201] by the formulas of tests/golden/README.md section 1."""
    def to_mel(f):
        return 3.0 * f / 200.0 if f < 1000.0 else 15.0 + 27.0 * math.log(f / 1000.0) / math.log(6.4)

    def to_hz(mel):
        return 200.0 * mel / 3.0 if mel < 15.0 else 1000.0 * math.exp((mel - 15.0) * math.log(6.4) / 27.0)

    top = to_mel(RATE / 2.0)
    edges = [to_hz(top * i / (N_MELS + 1)) for i in range(N_MELS + 2)]
    rows = []
    for low, centre, high in zip(edges, edges[1:], edges[2:]):
        frequencies = (k * RATE / N_FFT for k in range(N_FFT // 2 + 1))
        rows.append([max(0.0, min((f - low) / (centre - low), (high - f) / (high - centre))) * 2.0 / (high - low)
                     for f in frequencies])
    return rows


class Peers:
    """Each function returns a call from samples on the device, [clips][samples], to log10 mels, [clips][80][frames]."""

    def __init__(self, torch, device):
        self.torch = torch
        self.device = device

    def torchaudio(self):
        import torchaudio
        transform = torchaudio.transforms.MelSpectrogram(
            sample_rate=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, center=False, power=2.0, norm="slaney",
            mel_scale="slaney").to(self.device)
        return lambda samples: transform(samples).clamp(min=FLOOR).log10()

    def stft(self):
        torch = self.torch
        window = torch.hann_window(N_FFT, device=self.device)
        filters = torch.tensor(slaney_filters(), device=self.device).to_sparse_csr()

        def call(samples):
            spectra = torch.stft(samples, N_FFT, HOP, window=window, center=False, return_complex=True)
            powers = spectra.abs().square()
            clips, bins, frames = powers.shape
            mels = filters @ powers.permute(1, 0, 2).reshape(bins, clips * frames)
            return mels.clamp(min=FLOOR).log10().reshape(N_MELS, clips, frames).permute(1, 0, 2)

        return call

    def whisper(self):
        import whisper.audio
        return lambda samples: whisper.audio.log_mel_spectrogram(samples, n_mels=N_MELS)

    def flashmel(self):
        import flashmel
        options = {"sample_rate": RATE, "n_fft": N_FFT, "hop_length": HOP, "n_mels": N_MELS, "center": False, "power": 2.0,
                   "norm": "slaney", "mel_scale": "slaney"}
        transform = flashmel.MelSpectrogram(**options)
        if hasattr(transform, "to"):
            transform = transform.to(self.device)
        return lambda samples: transform(samples).clamp(min=FLOOR).log10()


def graphed(torch, call, samples_on_host):
    """A function from pinned samples to pinned features that replays one CUDA graph."""
    device_samples = samples_on_host.to("cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call(device_samples)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        features = call(device_samples)
    result = torch.empty(features.shape, pin_memory=True)

    def run():
        device_samples.copy_(samples_on_host, non_blocking=True)
        graph.replay()
        result.copy_(features, non_blocking=True)
        torch.cuda.synchronize()
        return result

    return run


def timed(call, seconds):
    """Milliseconds of each call, after a few that warm up."""
    for _ in range(5):
        call()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 20 or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def read_floats(torch, path):
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.float32)


class Comparison:
    def __init__(self, torch, options, figures):
        self.torch = torch
        self.options = options
        self.figures = figures  # of melstream's benchmark
        self.device = torch.device(options.device)
        self.on_gpu = self.device.type == "cuda"
        self.rows = []
        self.found = {}
        self.torchaudio_ratios = {}  # by batch and peer: how many times longer its faster kind of memory takes than the
        # daemon's mode, and than the fastest

    def batch(self, name):
        n_clips = self.figures.get("peers.%s.n_clips" % name)
        path = os.path.join(self.options.data, name + ".f32")
        keys = ["peers.%s.%s.p50_ms" % (name, mode) for mode in MODES]
        if not n_clips or not os.path.exists(path) or not all(key in self.figures for key in keys):
            print("  --    %s: not run: the benchmark wrote no data for it" % name)
            return
        samples = read_floats(self.torch, path).reshape(int(n_clips), -1)
        expected = read_floats(self.torch, os.path.join(self.options.data, name + ".rows.f32")).reshape(-1, N_MELS)
        n_frames = int(n_clips) * int(self.figures["peers.%s.n_frames" % name])
        ours = [self.figures[key] for key in keys]
        peers = Peers(self.torch, self.device)
        for peer, make in (("torchaudio", peers.torchaudio), ("torch.stft", peers.stft), ("whisper", peers.whisper),
                           ("flashmel", peers.flashmel)):
            if peer == "whisper":
                if name != "clips":
                    continue
                # It pads each clip by itself and gives one frame for each hop.
                self.measure(name, peer, make, samples[:, :n_frames // int(n_clips) * HOP].contiguous(), None, n_frames, ours)
            else:
                self.measure(name, peer, make, samples, expected, n_frames, ours)

    def measure(self, batch, peer, make, samples, expected, n_frames, ours):
        torch = self.torch
        try:
            with torch.inference_mode():
                call = make()
                features = call(samples.to(self.device))
                self.check_shape(features, n_frames)
                difference = self.difference(features, expected)
                self.add(batch, peer, "pageable", lambda: call(samples.to(self.device)).cpu(), n_frames, difference, ours)
                if not self.on_gpu:
                    return
                pinned = samples.pin_memory()
                result = torch.empty(features.shape, pin_memory=True)

                def with_pinned_memory():
                    result.copy_(call(pinned.to(self.device, non_blocking=True)), non_blocking=True)
                    torch.cuda.synchronize()

                self.add(batch, peer, "pinned", with_pinned_memory, n_frames, difference, ours)
        except Exception as error:  # pylint: disable=broad-except
            self.not_run(batch, peer, error)
            return
        if peer != "torchaudio":
            return
        try:
            with torch.no_grad():
                self.add(batch, "torchaudio, graphed", "pinned", graphed(torch, call, pinned), n_frames, difference, ours)
        except Exception as error:  # pylint: disable=broad-except
            self.not_run(batch, "torchaudio, graphed", error)

    @staticmethod
    def check_shape(features, n_frames):
        if features.shape[-2] != N_MELS or features.numel() != n_frames * N_MELS:
            raise ValueError("gives %s features for %d frames" % (list(features.shape), n_frames))

    def difference(self, features, expected):
        if expected is None:
            return "other numbers"
        rows = features.float().cpu().permute(0, 2, 1).reshape(-1, N_MELS)
        return "%.2g" % (rows - expected).abs().max().item()

    def add(self, batch, peer, memory, call, n_frames, difference, ours):
        times = timed(call, self.options.seconds)
        median = statistics.median(times)
        daemon, fastest = ours[0], min(ours)
        row = [batch, peer, memory, "%.3f" % median, "%.0f" % (n_frames / median * 1e3), difference,
               "%.3f" % daemon, "%.1f" % (median / daemon), "%.3f" % fastest, "%.1f" % (median / fastest)]
        self.rows.append(row)
        print("| " + " | ".join(row) + " |", flush=True)
        self.found["%s.%s.%s.median_ms" % (batch, peer, memory)] = median
        if peer.startswith("torchaudio"):
            key = (batch, peer)
            least = self.torchaudio_ratios.get(key, (math.inf, math.inf))
            self.torchaudio_ratios[key] = (min(least[0], median / daemon), min(least[1], median / fastest))

    def not_run(self, batch, peer, error):
        words = str(error).strip().splitlines() or [type(error).__name__]
        print("  --    %s, %s: not run: %s" % (batch, peer, words[0][:200]), flush=True)

    def sum_up(self):
        for (batch, peer), (ratio, ratio_of_fastest) in self.torchaudio_ratios.items():
            print("  %s: %.1f times as fast as %s (as the daemon): to be reached %.0f: %s; in the fastest mode %.1f times"
                  % (batch, ratio, peer, REACH, "yes" if ratio >= REACH else "missed", ratio_of_fastest))
            self.found["reach.%s.times %s" % (batch, peer)] = ratio


def read_figures(folder):
    try:
        with open(os.path.join(folder, "benchmark.json"), encoding="utf-8") as file:
            return json.load(file)["figures"]
    except (OSError, ValueError, KeyError):
        return {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", default="cuda:0", help="cpu only tries this script")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--json")
    options = parser.parse_args()
    try:
        import torch
    except (ImportError, OSError) as error:
        print("  --    peers: not run: no torch: %s" % error)
        return NOTHING_RUN
    if options.device.startswith("cuda"):
        if not torch.cuda.is_available():
            print("  --    peers: not run: torch %s finds no GPU" % torch.__version__)
            return NOTHING_RUN
        if (torch.device(options.device).index or 0) >= torch.cuda.device_count():
            print("  --    peers: not run: torch finds %d GPUs, no %s" % (torch.cuda.device_count(), options.device))
            return NOTHING_RUN
        torch.cuda.set_device(torch.device(options.device))
        # As anyone would get it, but without TensorFloat-32: other numbers would be no comparison.
        torch.backends.cuda.matmul.allow_tf32 = False
    warnings.filterwarnings("ignore", message="Sparse CSR")
    columns = ["batch", "peer", "host memory", "median ms", "frames/s", "largest difference (log10)", "melstream p50 ms",
               "ratio", "fastest melstream p50 ms", "ratio"]
    title = "Peers, host memory to host memory, torch %s" % torch.__version__
    print("\n%s\n\n| %s |\n| %s |" % (title, " | ".join(columns), " | ".join(["---"] * len(columns))), flush=True)
    comparison = Comparison(torch, options, read_figures(options.data))
    for name in ("frames", "clips"):
        comparison.batch(name)
    comparison.sum_up()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"stage": "peers", "figures": comparison.found,
                       "tables": [{"title": title, "columns": columns, "rows": comparison.rows}]}, file, indent=1)
            file.write("\n")
    return 0 if comparison.rows else NOTHING_RUN


if __name__ == "__main__":
    sys.exit(main())
