"""torch.ops.melstream.log_mel: eager, compiled, exported (--full: torch is big)."""
import subprocess
import sys
import unittest

import numpy as np

from engine_case import IS_FULL, samples
from melstream import engine

try:
    if not IS_FULL:
        raise ImportError("only with --full")
    import torch

    import melstream.torch
    from melstream.torch._shapes import features_shape
except ImportError as error:
    raise unittest.SkipTest("torch: %s" % error) from error


def batch():
    clip = samples("espeak")
    return torch.from_numpy(np.stack([clip[:32_000], clip[10_000:42_000]]))


class Operator(unittest.TestCase):
    def assert_same(self, features, expected):
        self.assertTrue(torch.equal(features, expected), "not the same bits")

    def test_is_the_engine(self):
        for arguments in ({}, {"front_end": "kaldi-80"}, {"layout": "mel", "normalization": "whisper_window"},
                          {"smoothing": "box3x3-valid"}, {"pad_to_samples": 48_000, "fill": 2.0}, {"front_end": "n_mels=40"}):
            named = dict(arguments)
            if "=" in named.get("front_end", ""):
                named["front_end"] = engine.FrontEnd.from_spec(named["front_end"])
            self.assert_same(torch.ops.melstream.log_mel(batch(), **arguments), engine.log_mel(batch(), **named))
        short = torch.ops.melstream.log_mel(batch(), lengths=torch.tensor([16_000, 8_000]), fill=-1.0)
        self.assertEqual(short.shape, (2, 200, 80))
        self.assertTrue((short[0, 100:] == -1).all() and (short[1, 50:] == -1).all())
        self.assert_same(short[0, :100], engine.log_mel(batch()[0, :16_000].contiguous()))

    def test_opcheck(self):
        for arguments in ((batch(),), (batch()[0], "kaldi-80", "box3x3"), (batch(), "whisper-128", "none", "whisper_window"),
                          (batch(), "paraformer-560"), (batch(), "nemo-80", "none", "per_feature_window", None, torch.tensor([9_000, 100]))):
            torch.library.opcheck(melstream.torch.log_mel, arguments)

    def test_shapes_are_those_of_the_engine(self):
        for name in engine.front_ends():
            front_end = engine.FrontEnd(name)
            for smoothing in ("none", "box3x3", "box3x3-valid"):
                try:
                    bins = front_end.bins(smoothing)
                except ValueError:
                    continue
                for n_samples in (*range(0, 1400), 16_000, 480_000, 480_159):
                    self.assertEqual(features_shape((n_samples,), name, smoothing, 0, "time"),
                                     (front_end.rows(n_samples, smoothing), bins), (name, smoothing, n_samples))

    def test_fixed_max(self):
        features = torch.ops.melstream.log_mel(batch(), normalization="fixed_max", fixed_max=1.0)
        self.assert_same(features, engine.log_mel(batch(), normalization="fixed_max", fixed_max=1.0))
        with self.assertRaisesRegex(ValueError, "fixed_max"):
            torch.ops.melstream.log_mel(batch(), normalization="fixed_max")

    def test_compiles_without_a_break(self):
        def model(audio):
            return torch.ops.melstream.log_mel(audio * 0.5, normalization="whisper_window").mean(dim=1)

        compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
        for n in (32_000, 20_000, 31_999):
            audio = batch()[:, :n].contiguous()
            self.assert_same(compiled(audio), model(audio))

    def test_exports_with_any_number_of_samples(self):
        module = melstream.torch.LogMel("whisper-80", normalization="whisper_window", layout="mel")
        n_samples = torch.export.Dim("n_samples", min=320, max=10_000_000)  # two frames or more
        program = torch.export.export(module, (batch(),), dynamic_shapes={"audio": {1: n_samples}})
        audio = batch()[:, :23_456].contiguous()
        self.assert_same(program.module()(audio), module(audio))

    def test_says_that_there_is_no_gradient(self):
        audio = batch().requires_grad_()
        features = torch.ops.melstream.log_mel(audio)
        with self.assertRaisesRegex(NotImplementedError, "no gradient"):
            features.sum().backward()
        with torch.no_grad():
            self.assertFalse(torch.ops.melstream.log_mel(audio).requires_grad)

    def test_is_made_under_any_default_dtype(self):
        program = ("import torch\ntorch.set_default_dtype(torch.bfloat16)\nfrom melstream.torch import LogMel\n"
                   "print(LogMel()(torch.zeros(1600, dtype=torch.float32)).dtype)\n")
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((result.returncode, result.stdout.strip()), (0, "torch.float32"), result.stderr)

    def test_refuses(self):
        for arguments, words in (((batch(), "whisper-81"), "did you mean"), ((batch()[None],), r"\(samples,\)"),
                                 ((batch().double(),), "float64"), ((batch(), "whisper-80", "3x3"), "box3x3"),
                                 ((batch() * float("nan"),), "NaN")):
            with self.assertRaisesRegex((ValueError, TypeError), words):
                torch.ops.melstream.log_mel(*arguments)
        with self.assertRaisesRegex(ValueError, "looks like .samples, channels."):
            melstream.torch.LogMel(pad_to_samples=480_000)(torch.zeros(16000, 2))
        with self.assertRaisesRegex(ValueError, "did you mean"):
            melstream.torch.LogMel("wisper-80")
