"""What melstream.engine refuses: an exception that says what was given and what is taken, and the next call works."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

from engine_case import samples
from melstream import engine

CLIP = samples("espeak")
BATCH = np.stack([CLIP[:1600], CLIP[:1600]])


class BadInput(unittest.TestCase):
    def assert_refused(self, error, words, *arguments, **keywords):
        with self.assertRaises(error) as raised:
            engine.log_mel(*arguments, **keywords)
        for word in words.split("|"):
            self.assertIn(word, str(raised.exception))
        self.assertEqual(engine.log_mel(CLIP).shape, (290, 80))

    def test_dtype(self):
        for dtype in ("float64", "float16", "int32", "uint8", "complex64"):
            self.assert_refused(TypeError, "audio|%s|float32|int16" % dtype, CLIP.astype(dtype))
        self.assert_refused(TypeError, "byte order|>f4", CLIP.astype(">f4"))
        self.assert_refused(TypeError, "float32", np.array(["a"]))

    def test_what_is_no_array(self):
        for audio in (None, "clip.wav", 3, 1.5, b"\0\0", {}):
            self.assert_refused(TypeError, "audio", audio)
        self.assert_refused(TypeError, "audio[0]|float", [0.0, 1.0])

    def test_shape(self):
        self.assert_refused(ValueError, "(1, 1, 46536)|(samples,)", CLIP[None, None])
        self.assert_refused(ValueError, "()", np.float32(1.0))
        self.assert_refused(ValueError, "audio[1]|(2, 1600)", [CLIP, BATCH])

    def test_stereo(self):
        stereo = np.stack([CLIP, CLIP], axis=1)
        self.assert_refused(ValueError, "(46536, 2)|channels|mean", stereo)
        self.assert_refused(ValueError, "(46536, 2)|channels|mean", stereo, out=np.empty((46536, 0, 80), np.float32))

    def test_types_of_arguments(self):
        for name, value in (("pad_to_samples", 480_000.0), ("pad_to_samples", None), ("normalization", None), ("smoothing", 3),
                            ("fill", None), ("fill", "0"), ("engine", "cpu"), ("engine", 2), ("engine", 0)):
            self.assert_refused(TypeError, "%s: is %r|taken is" % (name, value), CLIP, **{name: value})
        self.assert_refused(TypeError, "fixed_max: is '1'", CLIP, normalization="fixed_max", fixed_max="1")
        self.assert_refused(ValueError, "fixed_max|only there", CLIP, fixed_max=1.0)
        with self.assertRaisesRegex(TypeError, "engine: is 'x'"):
            engine.set_default_engine("x")

    def test_stride(self):
        self.assert_refused(ValueError, "stride 2|ascontiguousarray", CLIP[::2])
        self.assert_refused(ValueError, "stride -1", CLIP[::-1])
        self.assert_refused(ValueError, "stride", np.stack([CLIP] * 20).T)

    def test_numbers_that_are_none(self):
        for value, name in ((np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "-infinite")):
            clip = CLIP.copy()
            clip[40_000] = value
            self.assert_refused(ValueError, "clips[0]|sample 40000 is " + name, clip)
            self.assert_refused(ValueError, "clips[1]|sample 40000 is " + name, [CLIP, clip])

    def test_lengths(self):
        self.assert_refused(ValueError, "1601|clip 1|0..1600", BATCH, lengths=[1600, 1601])
        self.assert_refused(ValueError, "-1|clip 0", BATCH, lengths=[-1, 5])
        self.assert_refused(ValueError, "3 for 2 clips", BATCH, lengths=[1, 2, 3])
        self.assert_refused(TypeError, "lengths: is 1600", BATCH, lengths=1600)
        for lengths in (["a", "b"], [100.0, 100.0], [True, True], np.array([0.5, 1.0]), np.array([True, False])):
            self.assert_refused(TypeError, "lengths|whole numbers", BATCH, lengths=lengths)
        self.assert_refused(ValueError, "list", [CLIP], lengths=[5])

    def test_words(self):
        self.assert_refused(ValueError, "whisper-80x|did you mean 'whisper-80'", CLIP, "whisper-80x")
        self.assert_refused(TypeError, "front_end|int", CLIP, 80)
        self.assert_refused(ValueError, "3x3|box3x3-valid", CLIP, smoothing="3x3")
        self.assert_refused(ValueError, "whisper|whisper_window", CLIP, normalization="whisper")
        self.assert_refused(ValueError, "layout|time", CLIP, layout="frames")
        self.assert_refused(ValueError, "paraformer-560", CLIP, "paraformer-560", smoothing="box3x3")
        self.assert_refused(ValueError, "kaldi-80|per_feature_window", CLIP, "kaldi-80", normalization="whisper_window")
        self.assert_refused(ValueError, "fixed_max", CLIP, normalization="fixed_max")
        self.assert_refused(ValueError, "finite", CLIP, normalization="fixed_max", fixed_max=float("nan"))
        self.assert_refused(ValueError, "pad_to_samples|-1", CLIP, pad_to_samples=-1)

    def test_out(self):
        self.assert_refused(ValueError, "room for 289 rows|290", CLIP, out=np.empty((289, 80), np.float32))
        self.assert_refused(ValueError, "(290, 81)|(rows, 80)", CLIP, out=np.empty((290, 81), np.float32))
        self.assert_refused(ValueError, "(2, rows, 80)|2", BATCH, out=np.empty((10, 80), np.float32))
        self.assert_refused(TypeError, "out|float64", CLIP, out=np.empty((290, 80)))
        self.assert_refused(ValueError, "out|backwards", CLIP, out=np.empty((290, 80), np.float32)[::-1])
        one = np.lib.stride_tricks.as_strided(np.empty((10, 80), np.float32), (2, 10, 80), (0, 320, 4))
        self.assert_refused(ValueError, "out|over each other", BATCH, out=one)
        read_only = np.empty((290, 80), np.float32)
        read_only.flags.writeable = False
        self.assert_refused(TypeError, "out|written", CLIP, out=read_only)

    def test_engines(self):
        for arguments, words in (({"threads": 0}, "0"), ({"threads": 257}, "257"), ({"simd": "mmx"}, "scalar"),
                                 ({"backend": "gpu"}, "cuda")):
            with self.assertRaises(ValueError) as raised:
                engine.Engine(**arguments)
            self.assertIn(words, str(raised.exception))

    def test_texts(self):
        for name in ("whisper-80\0", "a" + "\u00fc" * 80, "\U0001f3a4" * 400):
            self.assert_refused(ValueError, "", CLIP, name)
        with self.assertRaisesRegex(ValueError, "zero byte"):
            engine.FrontEnd.from_spec("n_mels=40\0n_fft=512")
        with self.assertRaisesRegex(ValueError, "zero byte"):
            engine.Engine(backend="cpu\0")

    def test_specs(self):
        for spec, words in (("", "has none"), ("n_mels=80\nsha256 00", "hash"), ("n_mel=80", "n_mels"), ("n_mels=x", "whole number"), ("sample_rate_hz=8000", "16000")):
            with self.assertRaises(ValueError) as raised:
                engine.FrontEnd.from_spec(spec)
            self.assertIn(words, str(raised.exception))


class Exit(unittest.TestCase):
    """A process ends as it would, whatever its threads do in the engine."""

    WORK = {"clips": "for _ in iter(int, 1): engine.log_mel(clip)", "streams": "for _ in iter(int, 1): stream.push(clip), stream.pull()"}

    def test_with_daemon_threads_at_work(self):
        for work in self.WORK.values():
            program = ("import threading, time, numpy\nfrom melstream import engine\nclip = numpy.zeros(16000, 'float32')\n"
                       "def work():\n    stream = engine.Stream()\n    started.release()\n    %s\n"
                       "started = threading.Semaphore(0)\n"
                       "for _ in range(3):\n    threading.Thread(target=work, daemon=True).start()\n    started.acquire()\n" % work)
            for _ in range(3):
                result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_of_a_child(self):
        program = ("import os, numpy\nfrom melstream import engine\nclip = numpy.zeros(16000, 'float32')\nengine.log_mel(clip)\n"
                   "child = os.fork()\nengine.log_mel(clip)\nif child:\n    print(os.waitpid(child, 0)[1])\n")
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((result.returncode, result.stdout.strip(), result.stderr), (0, "0", ""))

    def test_of_children_that_are_forked_while_threads_compute(self):
        program = ("import os, signal, threading, numpy\nfrom melstream import engine\nclip = numpy.zeros(400, 'float32')\n"
                   "def work():\n    while True:\n        engine.log_mel(clip)\n"
                   "threading.Thread(target=work, daemon=True).start()\n"
                   "for _ in range(100):\n    child = os.fork()\n    if not child:\n        signal.alarm(30)\n"
                   "        engine.log_mel(clip)\n        os._exit(0)\n    assert os.waitpid(child, 0)[1] == 0\n")
        result = subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", program], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


@unittest.skipUnless(shutil.which("cc"), "no C compiler")
class OtherLibrary(unittest.TestCase):
    def test_a_library_of_another_abi_is_refused(self):
        """One that is found first, as by LD_LIBRARY_PATH, with the symbols but another version."""
        folder = tempfile.mkdtemp(prefix="melstream-abi-")
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(engine.include_folder(), "melstream", "engine.h"), encoding="utf-8") as file:
            names = sorted({word.split("(")[0].lstrip("*") for line in file if "MELSTREAM_API" in line
                            for word in line.split() if word.lstrip("*").startswith("melstream_") and "(" in word})
        source = os.path.join(folder, "other.c")
        with open(source, "w", encoding="utf-8") as file:
            for name in names:
                file.write("unsigned %s(void) { return 99; }\n" % name)
        with open(os.path.join(folder, "map"), "w", encoding="utf-8") as file:
            file.write("MELSTREAM_ENGINE_1 { global: *; };\n")
        library = os.path.join(folder, os.path.basename(engine.library()))
        subprocess.run(["cc", "-shared", "-fPIC", "-Wl,--version-script=" + os.path.join(folder, "map"),
                        "-Wl,-soname," + os.path.basename(library), source, "-o", library], check=True)
        for variable, value in (("LD_LIBRARY_PATH", folder), ("LD_PRELOAD", library)):
            result = subprocess.run([sys.executable, "-c", "import melstream.engine"], capture_output=True, text=True,
                                    env={**os.environ, variable: value}, check=False)
            if result.returncode != 0:
                break
        self.assertIn("ImportError", result.stderr)
        self.assertIn("ABI version 99", result.stderr)
