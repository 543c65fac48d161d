"""melstream.engine with PyTorch's tensors (--full: torch is big)."""
import unittest

import numpy as np

from engine_case import IS_FULL, samples
from melstream import engine

try:
    if not IS_FULL:
        raise ImportError("only with --full")
    import torch
except ImportError as error:
    raise unittest.SkipTest("torch: %s" % error) from error


class Tensors(unittest.TestCase):
    def test_in_and_out(self):
        for dtype in ("float32", "int16"):
            clip = np.array(samples("espeak", dtype))
            features = engine.log_mel(torch.from_numpy(clip), layout="mel")
            self.assertIsInstance(features, torch.Tensor)
            self.assertEqual((features.dtype, features.device.type), (torch.float32, "cpu"))
            np.testing.assert_array_equal(features.numpy(), engine.log_mel(clip, layout="mel"))

    def test_batches_lists_and_lengths(self):
        clip = torch.from_numpy(samples("espeak"))
        batch = torch.stack([clip, clip.flip(0)])
        expected = engine.log_mel(batch.numpy(), lengths=[30_000, 46_536])
        self.assertTrue(np.array_equal(engine.log_mel(batch, lengths=torch.tensor([30_000, 46_536])).numpy(), expected))
        listed = engine.log_mel([clip[:30_000], clip.flip(0)])
        self.assertTrue(np.array_equal(listed.numpy(), expected))

    def test_refuses_what_it_cannot_take(self):
        clip = torch.from_numpy(samples("espeak"))
        for given, error, words in (
                (clip.clone().requires_grad_(), ValueError, "gradient"),
                ([clip, clip.clone().requires_grad_()], ValueError, "gradient"), (clip.double(), TypeError, "float64"),
                (clip.bfloat16(), TypeError, "bfloat16"), (clip[::2], ValueError, "stride"), (clip.to("meta"), TypeError, "audio"),
                (clip.to_sparse(), TypeError, "audio"), (torch.tensor(1.0), ValueError, "()")):
            with self.assertRaises(error) as raised:
                engine.log_mel(given)
            self.assertIn(words, str(raised.exception))

    def test_streams_take_none_with_a_gradient(self):
        stream = engine.Stream()
        with self.assertRaisesRegex(ValueError, "gradient"):
            stream.push(torch.zeros(100, requires_grad=True))
        stream.push(torch.from_numpy(samples("espeak")))
        stream.flush()
        np.testing.assert_array_equal(stream.pull(), engine.log_mel(samples("espeak")))

    def test_lengths_are_whole_numbers(self):
        batch = torch.zeros(2, 16_000)
        for lengths in (torch.tensor([1.0, 0.5]), torch.tensor([True, True])):
            with self.assertRaisesRegex(TypeError, "whole numbers"):
                engine.log_mel(batch, lengths=lengths)
        with self.assertRaisesRegex(ValueError, "out: requires a gradient"):
            engine.log_mel(batch[0], out=torch.zeros(100, 80, requires_grad=True))

    def test_a_tensor_that_is_given_is_written_to(self):
        out = torch.empty(300, 80)
        self.assertIs(engine.log_mel(torch.from_numpy(samples("espeak")), out=out), out)
        np.testing.assert_array_equal(out[:290].numpy(), engine.log_mel(samples("espeak")))
