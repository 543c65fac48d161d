"""melstream doctor --model: a model's own files against a real daemon, and what it writes given to another."""
import json
import os
import resource
import subprocess
import tempfile
import unittest

import numpy

import harness
import models

SECONDS_FOR_HOSTILE = 20
MEGABYTES_FOR_HOSTILE = 200


class WithDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melstream-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "model")
        os.mkdir(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def look(self, path=None, *arguments):
        """Exit status and what it printed as JSON (None if nothing)."""
        result = self.daemon.client("doctor", "--model", path or self.folder, "--json", *arguments)
        return result, json.loads(result.stdout) if result.stdout else None


class Formats(WithDaemon):
    """Each format names the front end that computes its features."""

    def expect(self, front_end, path=None):
        result, found = self.look(path)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(found["front_end"], front_end)
        return found

    def test_whisper(self):
        models.hugging_face(self.folder, models.WHISPER)
        found = self.expect("whisper-80")
        self.assertEqual(found["normalization"], "whisper_window")
        models.hugging_face(self.folder, {**models.WHISPER, "feature_size": 128})
        self.expect("whisper-128")

    def test_whisper_within_a_processor(self):
        models.write(self.path("processor_config.json"), json.dumps({"feature_extractor": models.WHISPER}))
        self.expect("whisper-80")

    def test_seamless_and_speech_to_text_are_kaldi(self):
        models.hugging_face(self.folder, models.SEAMLESS)
        found = self.expect("wenet-80")
        self.assertIn("without overlap", " ".join(found["notes"]))
        models.hugging_face(self.folder, {"feature_extractor_type": "Speech2TextFeatureExtractor", "num_mel_bins": 80,
                                          "feature_size": 80, "sampling_rate": 16000})
        self.expect("wenet-80")

    def test_raw_audio_needs_no_front_end(self):
        models.hugging_face(self.folder, models.WAV2VEC2)
        result, found = self.look()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(found["raw_audio"])
        self.assertIsNone(found["front_end"])

    def test_nemo(self):
        models.write(self.path("model_config.yaml"), models.NEMO % 80)
        found = self.expect("nemo-80")
        self.assertEqual(found["normalization"], "per_feature_window")
        self.assertIn("dither", " ".join(found["notes"]))

    def test_nemo_archives(self):
        for compression in ("", "gz"):
            path = models.nemo_archive(self.path("parakeet.nemo"), models.NEMO % 128, compression)
            self.expect("nemo-128", path)
            self.expect("nemo-128")

    def test_funasr_with_am_mvn(self):
        models.write(self.path("config.yaml"), models.FUNASR)
        models.write(self.path("am.mvn"), models.am_mvn(*models.cmvn(560)))
        found = self.expect("paraformer-560")
        self.assertTrue(found["has_cmvn"])
        self.assertFalse(found["cmvn_within"])
        self.assertEqual(found["cmvn_file"], self.path("am.mvn"))

    def test_sherpa_onnx(self):
        models.onnx(self.path("model.onnx"), models.sense_voice(*models.cmvn(560)))
        found = self.expect("paraformer-560")
        self.assertTrue(found["has_cmvn"])
        os.unlink(self.path("model.onnx"))
        models.onnx(self.path("encoder-epoch-99.onnx"), {"model_type": "zipformer2", "version": "1", "T": "45"})
        models.onnx(self.path("decoder-epoch-99.onnx"), {"vocab_size": "500", "context_size": "2"})
        models.onnx(self.path("joiner-epoch-99.onnx"), {"joiner_dim": "512"})
        self.expect("kaldi-80")
        for kind, front_end in (("EncDecCTCModelBPE", "nemo-80"), ("whisper-tiny", "whisper-80"),
                                ("wenet_ctc", "wenet-80")):
            path = models.onnx(self.path("one.onnx"), {"model_type": kind})
            self.expect(front_end, path)

    def test_kaldi(self):
        models.write(self.path("conf/fbank.conf"), "--num-mel-bins=80\n--dither=0 # none\n--snip_edges=true\n")
        self.expect("wenet-80")
        models.write(self.path("conf/mfcc.conf"), "--num-ceps=13\n--use-energy=true\n")
        os.unlink(self.path("conf/fbank.conf"))
        found = self.expect("mfcc-13")
        self.assertIn("dither", " ".join(found["notes"]))

    def test_kaldi_online_names_its_features(self):
        models.write(self.path("conf/mfcc_hires.conf"), "--num-ceps=13\n--use-energy=false\n")
        models.write(self.path("conf/online_nnet2_decoding.conf"),
                     "--feature-type=mfcc\n--mfcc-config=conf/mfcc_hires.conf\n"
                     "--ivector-extraction-config=conf/ivector_extractor.conf\n")
        found = self.expect("mfcc-13-c0")
        self.assertIn("i-vectors", " ".join(found["notes"]))


class Differences(WithDaemon):
    def test_every_field_that_differs_is_listed(self):
        models.write(self.path("conf/mfcc.conf"), models.KALDI_HIRES_MFCC)
        result, found = self.look()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIsNone(found["front_end"])
        self.assertEqual(found["nearest"], "mfcc-13-c0")
        fields = {one["field"]: (one["model"], one["served"]) for one in found["differences"]}
        self.assertEqual(fields, {"cepstra": ("40", "13"), "n_mels": ("40", "23"), "f_max_hz": ("7600", "8000")})

    def test_for_people(self):
        models.write(self.path("conf/mfcc.conf"), models.KALDI_HIRES_MFCC)
        result = self.daemon.client("doctor", "--model", self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("n_mels               the model has 40, mfcc-13-c0 has 23", result.stdout)
        self.assertIn("[[front_end]]\nname = \"model\"\nbase = \"mfcc-13-c0\"", result.stdout)

    def test_what_cannot_be_served_is_said(self):
        models.write(self.path("conf/mfcc.conf"), "--sample-frequency=8000\n--window-type=blackman\n")
        result, found = self.look()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(found["toml"], "")
        obstacles = " ".join(found["obstacles"])
        self.assertIn("8000 Hz", obstacles)
        self.assertIn("blackman", obstacles)

    def test_without_a_daemon_the_fields_are_all_given(self):
        models.write(self.path("conf/mfcc.conf"), models.KALDI_HIRES_MFCC)
        result = harness.run_client("doctor", "--model", self.folder, "--json", server="unix:" + self.path("none"))
        self.assertEqual(result.returncode, 69, result.stderr)
        self.assertIn("not compared", result.stderr)
        found = json.loads(result.stdout)
        self.assertFalse(found["compared"])
        self.assertEqual(found["fields"]["n_mels"], "40")
        self.check_config(found["toml"])

    def check_config(self, text):
        config = os.path.join(self.folder, "whole.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s/s"\nlisten = []\n%s' % (self.folder, text))
        result = subprocess.run([harness.program("melstreamd"), "--config", config, "--check-config"],
                                capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


class Written(WithDaemon):
    """What --write makes goes into a config as it is, and the daemon then serves the model's front end."""

    def serve(self, path=None):
        written = self.path("front_end.toml")
        result, found = self.look(path, "--write", written, "--name", "the-model")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        with open(written, encoding="utf-8") as file:
            text = file.read()
        os.unlink(written)
        self.assertEqual(found["toml_name"], "the-model")
        daemon = harness.Daemon(config=text)
        self.addCleanup(daemon.close)
        check = subprocess.run([harness.program("melstreamd"), "--config", daemon.config, "--check-config"],
                               capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(check.returncode, 0, check.stderr)
        again = daemon.client("doctor", "--model", path or self.folder, "--json")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertEqual(json.loads(again.stdout)["front_end"], "the-model")
        return daemon, json.loads(again.stdout)

    def test_high_resolution_mfcc(self):
        models.write(self.path("conf/mfcc.conf"), models.KALDI_HIRES_MFCC)
        daemon, _ = self.serve()
        result, features = daemon.extract(harness.audio("espeak"), "the-model")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(features.shape[1], 40)

    def test_other_nemo(self):
        text = (models.NEMO % 64).replace("window_size: 0.025", "window_size: 0.02").replace(
            "pad_to: 0", "preemph: null\n  log_zero_guard_type: clamp\n  log_zero_guard_value: eps\n  mel_norm: null")
        models.write(self.path("model_config.yaml"), text)
        self.serve()

    def test_cmvn_within_gives_the_numbers_of_cmvn_sent(self):
        mean, scale = models.cmvn(560)
        models.write(self.path("config.yaml"), models.FUNASR)
        cmvn_path = models.write(self.path("am.mvn"), models.am_mvn(mean, scale))
        daemon, found = self.serve()
        self.assertTrue(found["cmvn_within"])
        result, within = daemon.extract(harness.audio("espeak"), "the-model")
        self.assertEqual(result.returncode, 0, result.stderr)
        result, sent = daemon.extract(harness.audio("espeak"), "paraformer-560", "--cmvn", cmvn_path)
        self.assertEqual(result.returncode, 0, result.stderr)
        numpy.testing.assert_array_equal(within, sent)

    def test_an_existing_file_stays(self):
        models.write(self.path("conf/mfcc.conf"), models.KALDI_HIRES_MFCC)
        mine = models.write(self.path("mine.toml"), "[server]\n")
        result, _ = self.look(None, "--write", mine)
        self.assertEqual(result.returncode, 64, result.stderr)
        with open(mine, encoding="utf-8") as file:
            self.assertEqual(file.read(), "[server]\n")


class Hostile(WithDaemon):
    """Damaged and malicious files: a clear error within bounded memory and time, nothing else."""

    def refuse(self, path, *words):
        def limit():
            size = MEGABYTES_FOR_HOSTILE << 20
            # Of data: address space is gRPC's and the libraries'.
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))

        result = subprocess.run(
            [harness.program("melstream"), "doctor", "--model", path, "--server", self.daemon.address],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_FOR_HOSTILE, check=False, preexec_fn=limit)
        errors = result.stderr.decode("utf-8")
        self.assertEqual(result.returncode, 66, errors + result.stdout.decode("utf-8"))
        for word in words:
            self.assertIn(word, errors)
        self.assertLess(len(errors), 2000)

    def test_nothing_there(self):
        self.refuse(self.path("none"), "No such file")
        self.refuse(self.folder, "preprocessor_config.json", "is it a model's folder")

    def test_text_that_is_none(self):
        for name in ("preprocessor_config.json", "config.yaml", "model_config.yaml", "mfcc.conf"):
            path = models.write(self.path(name), b"\xff\xfe{\x00}\x00")
            self.refuse(path, "UTF-8")
            models.write(self.path(name), b"\x80\x81" * 100)
            self.refuse(path, "UTF-8")
            os.unlink(path)

    def test_truncated(self):
        self.refuse(models.write(self.path("preprocessor_config.json"), json.dumps(models.WHISPER)[:60]), "is not JSON")
        self.refuse(models.write(self.path("config.yaml"), 'frontend: "WavFron'), "is not YAML")
        whole = models.nemo_archive(self.path("a.nemo"), models.NEMO % 80)
        with open(whole, "rb") as file:
            content = file.read()
        for n in (0, 100, 600, len(content) // 2):
            self.refuse(models.write(self.path("b.nemo"), content[:n]), "b.nemo")
        models.onnx(self.path("c.onnx"), {"model_type": "zipformer2"})
        with open(self.path("c.onnx"), "rb") as file:
            content = file.read()
        for n in (0, 5, 500, len(content) - 3):
            self.refuse(models.write(self.path("d.onnx"), content[:n]), "cut off")
        self.refuse(models.lying_length(self.path("e.onnx")), "cut off")

    def test_deep_nesting(self):
        deep = 200_000
        self.refuse(models.write(self.path("preprocessor_config.json"), "[" * deep), "is not JSON")
        self.refuse(models.write(self.path("preprocessor_config.json"), "[" * deep + "]" * deep), "no JSON object")
        self.refuse(models.write(self.path("config.yaml"), "a: " + "[" * deep), "is not YAML")
        self.refuse(models.write(self.path("config.yaml"), "- " * deep), "")

    def test_yaml_bomb(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += ["a%d: &a%d [%s]" % (i, i, ", ".join(["*a%d" % (i - 1)] * 10)) for i in range(1, 20)]
        path = models.write(self.path("config.yaml"), "\n".join(lines) + "\nfrontend: *a19\nfrontend_conf: *a19\n")
        self.refuse(path, "frontend")
        self.refuse(models.write(self.path("config.yaml"), "frontend: ${frontend}\n"), "frontend")
        self.refuse(models.write(self.path("config.yaml"), "a: &a [*a]\nfrontend: *a\n"), "config.yaml")

    def test_huge(self):
        for name in ("preprocessor_config.json", "config.yaml", "fbank.conf"):
            with open(self.path(name), "wb") as file:
                file.truncate(20 << 30)
            self.refuse(self.path(name), "over 4 MiB")
        with open(self.path("big.onnx"), "wb") as file:
            file.truncate(20 << 30)
        self.refuse(self.path("big.onnx"), "over 2 GiB")
        with open(self.path("big.nemo"), "wb") as file:
            file.truncate(20 << 30)
        self.refuse(self.path("big.nemo"), "big.nemo")

    def test_absurd_values(self):
        for value in ("1e300", "-5", "1e308"):
            text = '{"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": %s}' % value
            self.refuse(models.write(self.path("preprocessor_config.json"), text), "makes no sense")
        self.refuse(models.write(self.path("fbank.conf"), "--num-mel-bins=many\n"), "is no number")
        self.refuse(models.write(self.path("fbank.conf"), "num-mel-bins 80\n"), "fbank.conf:1")
        self.refuse(models.write(self.path("fbank.conf"), "--num-mel-bins=\x1b[31m\n"), "is no number")

    def test_links_and_pipes(self):
        os.symlink("loop", self.path("loop"))
        self.refuse(self.path("loop"), "symbolic links")
        os.symlink(self.folder, self.path("conf"))
        self.refuse(self.folder, "is it a model's folder")
        os.mkfifo(self.path("pipe.onnx"))
        self.refuse(self.path("pipe.onnx"), "no regular file")
        models.write(self.path("online.conf"), "--mfcc-config=online.conf\n")
        self.refuse(self.path("online.conf"), "name each other")

    def test_unknown_kinds_name_the_known(self):
        models.hugging_face(self.folder, {"feature_extractor_type": "ClapFeatureExtractor"})
        self.refuse(self.folder, "ClapFeatureExtractor", "WhisperFeatureExtractor")
        self.refuse(models.onnx(self.path("x.onnx"), {"model_type": "vits"}), "vits", "zipformer")

    def test_two_gigabytes_of_weights_are_skipped(self):
        path = models.onnx(self.path("model.onnx"), {"model_type": "zipformer2"}, weights=(1 << 31) - 200)

        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (MEGABYTES_FOR_HOSTILE << 20, MEGABYTES_FOR_HOSTILE << 20))

        result = subprocess.run(
            [harness.program("melstream"), "doctor", "--model", path, "--json", "--server", self.daemon.address],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_FOR_HOSTILE, check=False, preexec_fn=limit)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["front_end"], "kaldi-80")
