"""melstream.compat.transformers: the golden features, and the genuine WhisperFeatureExtractor. NumPy alone, but for tensors."""
import copy
import json
import os
import pickle
import tempfile
import unittest
from unittest import mock

import numpy as np

from melstream.compat import _batch_feature
from melstream.compat.transformers import WhisperFeatureExtractor

from compat_case import (CompatTest, clips, golden_clips, module_or_skip, original_or_skip, samples, tolerance)

FEWEST = 201  # Whisper mirrors 200
BATCH = ["espeak", "white", "short560", "jfk"]
RATE = dict(sampling_rate=16000)


class TransformersTest(CompatTest):
    def features(self, *arguments, **options):
        return WhisperFeatureExtractor()(*arguments, **{**RATE, **options})["input_features"]


class CompatTransformers(TransformersTest):
    def test_gives_the_golden_features(self):
        for preset, size in (("whisper80_norm", 80), ("whisper128_norm", 128)):
            extractor = WhisperFeatureExtractor(feature_size=size)
            for clip in golden_clips(preset):
                found = extractor(samples(clip), padding=False, return_tensors="np", **RATE).input_features
                self.assertEqual((1, size), found.shape[:2])
                self.assert_golden(preset, clip, found[0].T)

    def test_pads_to_30_seconds_unless_it_is_said_otherwise(self):
        found = self.features(samples("jfk"))
        self.assertEqual((1, 80, 3000), found.shape)
        self.assert_golden("whisper80_norm30s", "jfk", found[0].T)
        for options, n_frames in ((dict(max_length=16000), 100), (dict(max_length=16000, truncation=False), 1100),
                                  (dict(padding="longest"), 1100), (dict(padding=True, pad_to_multiple_of=1000000), 6250),
                                  (dict(max_length=16001, pad_to_multiple_of=320), 102), (dict(padding=False), 1100)):
            self.assertEqual(n_frames, self.features(samples("jfk"), **options).shape[2], options)

    def test_clips_of_a_batch_have_the_features_that_they_have_alone(self):
        found = self.features([samples(clip) for clip in BATCH])
        self.assertEqual((len(BATCH), 80, 3000), found.shape)
        for clip, features in zip(BATCH, found):
            np.testing.assert_array_equal(self.features(samples(clip))[0], features)
        stacked = np.stack([samples("square"), samples("impulse")])
        np.testing.assert_array_equal(self.features(list(stacked)), self.features(stacked))

    def test_takes_what_holds_samples(self):
        wanted = self.features(samples("espeak"))
        for audio in (samples("espeak").astype(np.float64), samples("espeak").tolist(), [samples("espeak").tolist()],
                      np.repeat(samples("espeak"), 2)[::2], tuple(samples("espeak").tolist())):
            np.testing.assert_array_equal(wanted, self.features(audio))

    def test_a_clip_of_no_samples_is_silence(self):
        found = self.features(np.zeros(0, np.float32))
        np.testing.assert_array_equal(found, self.features(np.zeros(16000, np.float32)))

    def test_padding_may_stand_in_front_and_be_of_any_value(self):
        clip = samples("white")
        for side, value, padded in (("left", 0.0, np.pad(clip, (4000, 0))),
                                    ("right", 0.25, np.pad(clip, (0, 4000), constant_values=0.25))):
            found = WhisperFeatureExtractor(padding_side=side, padding_value=value)(clip, max_length=20000, **RATE)
            np.testing.assert_array_equal(self.features(padded, padding=False), found["input_features"])

    def test_the_mask_says_which_frames_are_a_clips_own(self):
        for extractor, first in ((WhisperFeatureExtractor(), 0), (WhisperFeatureExtractor(padding_side="left"), 2900)):
            mask = extractor([samples("white"), samples("jfk")], return_attention_mask=True, **RATE)["attention_mask"]
            self.assertEqual(((2, 3000), np.int32), (mask.shape, mask.dtype))
            self.assertEqual([100, 1100], mask.sum(axis=1).tolist())
            self.assertTrue(mask[0, first:first + 100].all())
        self.assertNotIn("attention_mask", WhisperFeatureExtractor()(samples("white"), **RATE))

    def test_normalizes_a_clip_over_its_own_samples(self):
        clip = samples("white")
        normal = ((clip - clip.mean()) / np.sqrt(clip.var() + 1e-7)).astype(np.float32)
        found = self.features([clip, samples("jfk")], do_normalize=True, max_length=20000)
        np.testing.assert_allclose(self.features(normal, max_length=20000)[0], found[0], atol=1e-6)

    def test_counts_frames_for_token_timestamps(self):
        found = WhisperFeatureExtractor()([samples("white"), samples("jfk")], return_token_timestamps=True, **RATE)
        self.assertEqual([100, 1100], list(found.num_frames))

    def test_without_transformers_the_result_reads_alike(self):
        _batch_feature.batch_feature_class.cache_clear()
        self.addCleanup(_batch_feature.batch_feature_class.cache_clear)
        with mock.patch("importlib.util.find_spec", return_value=None):
            found = WhisperFeatureExtractor()(samples("white"), return_tensors="np", **RATE)
        self.assertIs(_batch_feature.BatchFeature, type(found))
        self.assertIs(found["input_features"], found.input_features)
        self.assertEqual(["input_features"], list(pickle.loads(pickle.dumps(found))))
        with self.assertRaises(AttributeError):
            found.labels

    def test_tensors_are_made_where_they_are_asked_for(self):
        torch = module_or_skip("torch")
        wanted = self.features(samples("white"), return_attention_mask=True)
        for audio in (samples("white"), torch.from_numpy(samples("white")), [torch.from_numpy(samples("white"))]):
            np.testing.assert_array_equal(wanted, self.features(audio))
        found = WhisperFeatureExtractor()(samples("white"), return_tensors="pt", return_attention_mask=True, **RATE)
        for one in (found, _batch_feature.BatchFeature(dict(found), "pt")):
            moved = one.to("cpu", dtype=torch.float16)
            self.assertEqual((torch.float16, torch.int32), (moved.input_features.dtype, moved.attention_mask.dtype))

    def test_configuration_is_read_from_local_files(self):
        wanted = WhisperFeatureExtractor(feature_size=128, chunk_length=10, processor_class="WhisperProcessor", suffix="x")
        with tempfile.TemporaryDirectory() as folder:
            path, = wanted.save_pretrained(folder)
            for place in (folder, path):
                found = WhisperFeatureExtractor.from_pretrained(place, cache_dir="nowhere")
                self.assertEqual(wanted.to_dict(), found.to_dict())
            found = WhisperFeatureExtractor.from_pretrained(folder, chunk_length=5)
            self.assertEqual((128, 500, 80000), (found.feature_size, found.nb_max_frames, found.n_samples))
        self.assertEqual("x", wanted.suffix)
        with self.assert_refused(OSError, "openai/whisper-tiny", "local folder", "downloaded"):
            WhisperFeatureExtractor.from_pretrained("openai/whisper-tiny")

    def test_can_be_copied(self):
        extractor = WhisperFeatureExtractor()
        for copied in (copy.deepcopy(extractor), pickle.loads(pickle.dumps(extractor))):
            np.testing.assert_array_equal(self.features(samples("white")), copied(samples("white"), **RATE)["input_features"])

    def test_collates_examples(self):
        examples = [{"input_features": self.features(samples(clip))[0]} for clip in BATCH]
        found = WhisperFeatureExtractor().pad(examples, return_tensors="np")
        np.testing.assert_array_equal(self.features([samples(clip) for clip in BATCH]), found["input_features"])
        with self.assert_refused(ValueError, "processed_features", "input_values"):
            WhisperFeatureExtractor().pad({"input_values": []})

    def test_says_when_the_rate_is_not_given(self):
        with self.assertLogs("melstream.compat.transformers", "WARNING") as caught:
            WhisperFeatureExtractor()(samples("white"))
        self.assertIn("16000", caught.output[0])

    def test_what_the_engine_does_not_compute_is_refused(self):
        refused = dict(sampling_rate=8000, dither=0.1, feature_size=600, n_fft=402, hop_length=0, padding_side="middle")
        for parameter, value in refused.items():
            with self.assert_refused(ValueError, parameter + ": is " + repr(value)):
                WhisperFeatureExtractor(**{parameter: value})
        for parameter, value in dict(sampling_rate=8000, padding="shortest", return_tensors="jax", max_length=200).items():
            with self.assert_refused(ValueError, str(value)):
                self.features(samples("white"), **{parameter: value})

    def test_clips_that_are_none_are_refused(self):
        with self.assert_refused(ValueError, "padding", "[16000, 176000]"):
            self.features([samples("white"), samples("jfk")], padding=False)
        with self.assert_refused(ValueError, "raw_speech", "200", "201"):
            self.features(samples("short200"), padding="longest")
        with self.assert_refused(ValueError, "raw_speech", "(2, 400)", "mono"):
            self.features(np.zeros((1, 2, 400)))
        with self.assert_refused(ValueError, "raw_speech", "[]"):
            self.features([])
        with self.assert_refused(TypeError, "raw_speech", "str"):
            self.features("jfk.wav")


class GenuineTransformers(TransformersTest):
    @classmethod
    def setUpClass(cls):
        cls.genuine = original_or_skip("transformers")
        cls.genuine.logging.set_verbosity_error()

    def assert_alike(self, names, made=(), options=()):
        """Features by the rule of each clip, the rest exactly."""
        audio = [samples(name) for name in names]
        wanted = self.genuine.WhisperFeatureExtractor(**dict(made))(audio, **RATE, **dict(options))
        found = WhisperFeatureExtractor(**dict(made))(audio, **RATE, **dict(options))
        self.assertIs(type(wanted), type(found))
        self.assertEqual(list(wanted), list(found))
        for key in wanted:
            self.assertEqual((type(wanted[key]), wanted[key].dtype), (type(found[key]), found[key].dtype))
        preset = "whisper%d_norm" % (128 if dict(made).get("feature_size") == 128 else 80)
        for name, one, other in zip(names, wanted.input_features, found.input_features):
            self.assert_equal_by_rule(one.T, other.T, tolerance(preset, name), "%s, %s, %s" % (name, made, options))
        for key in set(wanted) - {"input_features"}:
            np.testing.assert_array_equal(np.asarray(wanted[key]), np.asarray(found[key]))

    def test_equals_the_original_on_every_golden_clip(self):
        for clip in clips(FEWEST):
            for size in (80, 128):
                self.assert_alike([clip], dict(feature_size=size), dict(padding=False))
        for clip in clips():
            self.assert_alike([clip], (), dict(return_tensors="pt"))

    def test_equals_the_original_on_batches(self):
        for options in (dict(return_tensors="np"), dict(padding="longest"), dict(padding=True, return_attention_mask=True),
                        dict(max_length=100_000, return_attention_mask=True), dict(max_length=16_100, pad_to_multiple_of=320),
                        dict(truncation=False, max_length=16_000, padding="longest"),
                        dict(padding="longest", pad_to_multiple_of=1024, return_attention_mask=True, return_tensors="pt"),
                        dict(max_length=48_077, return_attention_mask=True)):
            self.assert_alike(BATCH, (), options)

    def test_equals_the_original_with_other_arguments(self):
        for made in (dict(padding_side="left"), dict(padding_value=0.1), dict(chunk_length=5), dict(return_attention_mask=True),
                     dict(hop_length=320, n_fft=512), dict(feature_size=64)):
            for options in (dict(), dict(return_attention_mask=True, return_tensors="pt")):
                self.assert_alike(["espeak", "white"], made, options)

    def test_normalizes_as_the_original(self):
        for options in (dict(), dict(return_attention_mask=True), dict(max_length=20_000)):
            self.assert_alike(BATCH, (), dict(do_normalize=True, **options))
        self.assert_alike(["espeak", "white"], dict(padding_value=0.1, padding_side="left"), dict(do_normalize=True))

    def test_attributes_and_configuration_are_the_originals(self):
        made = dict(feature_size=128, hop_length=320)
        wanted, found = self.genuine.WhisperFeatureExtractor(**made), WhisperFeatureExtractor(**made)
        self.assertEqual(wanted.to_dict(), found.to_dict())
        for name in ("n_samples", "nb_max_frames", "sampling_rate", "hop_length", "chunk_length", "n_fft", "feature_size",
                     "model_input_names", "padding_value", "padding_side", "return_attention_mask"):
            self.assertEqual(getattr(wanted, name), getattr(found, name), name)
        # Not bit by bit: mel scales to and from Hz, in another order.
        np.testing.assert_allclose(wanted.mel_filters, found.mel_filters, atol=1e-12)
        for one, other in ((wanted, WhisperFeatureExtractor), (found, self.genuine.WhisperFeatureExtractor)):
            with tempfile.TemporaryDirectory() as folder:
                one.save_pretrained(folder)
                self.assertEqual(wanted.to_dict(), other.from_pretrained(folder).to_dict())
                with open(os.path.join(folder, "preprocessor_config.json"), encoding="utf-8") as file:
                    self.assertEqual(128, json.load(file)["feature_size"])


class InTransformers(TransformersTest):
    """Where the original stands: in a pipeline and in a processor, with a model of no size and random weights."""

    @classmethod
    def setUpClass(cls):
        cls.genuine = original_or_skip("transformers")
        cls.genuine.logging.set_verbosity_error()
        torch = module_or_skip("torch")
        words = [chr(code) for code in range(33, 127)] + ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>",
                                                          "<|transcribe|>", "<|startoflm|>", "<|startofprev|>",
                                                          "<|nocaptions|>", "<|notimestamps|>"]
        vocabulary = {word: i for i, word in enumerate(words)}
        end, start = vocabulary["<|endoftext|>"], vocabulary["<|startoftranscript|>"]
        cls.tokenizer = cls.genuine.WhisperTokenizer(vocab=vocabulary, merges=[], pad_token="<|endoftext|>")
        torch.manual_seed(0)
        cls.model = cls.genuine.WhisperForConditionalGeneration(cls.genuine.WhisperConfig(
            vocab_size=len(vocabulary), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, pad_token_id=end, bos_token_id=end,
            eos_token_id=end, decoder_start_token_id=start, suppress_tokens=None, begin_suppress_tokens=None)).eval()

    def encoded(self, extractor, audio, **options):
        """What the encoder was given for it in a pipeline, [80, 3000] each."""
        given = []

        def keep(_, arguments, keywords):
            given.extend((arguments[0] if arguments else keywords["input_features"]).numpy())

        hook = self.model.model.encoder.register_forward_pre_hook(keep, with_kwargs=True)
        self.addCleanup(hook.remove)
        pipeline = self.genuine.pipeline("automatic-speech-recognition", model=self.model, tokenizer=self.tokenizer,
                                         feature_extractor=extractor, **options)
        texts = pipeline(audio, generate_kwargs=dict(max_new_tokens=4))
        hook.remove()
        return given, [one["text"] for one in texts]

    def test_works_in_a_pipeline(self):
        audio = [samples(clip) for clip in ("espeak", "jfk")]
        for options in (dict(), dict(batch_size=2), dict(chunk_length_s=5, ignore_warning=True)):
            wanted, wanted_texts = self.encoded(self.genuine.WhisperFeatureExtractor(), list(audio), **options)
            found, found_texts = self.encoded(WhisperFeatureExtractor(), list(audio), **options)
            self.assertGreaterEqual(len(wanted), 2)
            self.assertEqual((len(wanted), wanted_texts), (len(found), found_texts))
            for one, other in zip(wanted, found):
                self.assert_equal_by_rule(one.T, other.T, tolerance("whisper80_norm", "jfk"), str(options))

    def test_works_in_a_processor(self):
        processor = self.genuine.WhisperProcessor(self.genuine.WhisperFeatureExtractor(), self.tokenizer)
        processor.feature_extractor = WhisperFeatureExtractor()
        found = processor(samples("jfk"), text="MEL", return_tensors="pt", **RATE)
        self.assert_golden("whisper80_norm30s", "jfk", found.input_features[0].T)
        self.assertIsInstance(found, self.genuine.BatchFeature)
        self.assertIn("labels", found)


if __name__ == "__main__":
    unittest.main()
