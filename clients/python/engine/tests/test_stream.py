"""melstream.engine.Stream: the rows of the whole clip, however it is pushed."""
import threading

import numpy as np

from engine_case import GoldenTest, entries, samples
from melstream import engine


def streamed(stream, clip, chunk):
    rows = []
    for begin in range(0, len(clip), chunk):
        stream.push(clip[begin:begin + chunk])
        rows.append(stream.pull())
    stream.flush()
    while stream.ready:
        rows.append(stream.pull(max_rows=7))
    return np.concatenate(rows)


class Streams(GoldenTest):
    def test_chunks_of_any_size_give_the_golden_rows(self):
        for preset, front_end in (("whisper80_raw", "whisper-80"), ("kaldi80", "kaldi-80"), ("nemo80_raw", "nemo-80"),
                                  ("paraformer560", "paraformer-560")):
            for entry in entries(preset):
                clip = samples(entry["audio"])
                whole = engine.log_mel(clip, front_end)
                for chunk in (77, 160, 4096):
                    rows = streamed(engine.Stream(front_end), clip, chunk)
                    np.testing.assert_array_equal(rows, whole)
                self.assert_golden(entry, rows)

    def test_smoothing_normalization_and_int16(self):
        clip = samples("espeak", "int16")
        arguments = dict(smoothing="box3x3", normalization="running_max")
        rows = streamed(engine.Stream(dtype="int16", **arguments), clip, 500)
        np.testing.assert_array_equal(rows, engine.log_mel(clip, **arguments))

    def test_reset_begins_anew(self):
        stream = engine.Stream()
        first = streamed(stream, samples("espeak"), 1000)
        with self.assertRaisesRegex(RuntimeError, "reset"):
            stream.push(samples("espeak"))
        stream.reset()
        np.testing.assert_array_equal(streamed(stream, samples("espeak"), 1000), first)

    def test_rows_outlive_the_stream(self):
        stream = engine.Stream()
        stream.push(samples("espeak"))
        rows = stream.pull()
        copy = rows.copy()
        del stream
        np.testing.assert_array_equal(rows, copy)

    def test_threads_take_turns(self):
        stream = engine.Stream()
        clip = samples("jfk")
        counts = []

        def pull():
            counts.append(sum(len(stream.pull(max_rows=3)) for _ in range(300)))

        threads = [threading.Thread(target=pull) for _ in range(4)]
        for thread in threads:
            thread.start()
        for begin in range(0, len(clip), 160):
            stream.push(clip[begin:begin + 160])
        for thread in threads:
            thread.join()
        stream.flush()
        self.assertEqual(sum(counts) + len(stream.pull()), 1100)

    def test_bad_input(self):
        stream = engine.Stream()
        for given, error, words in ((samples("espeak", "int16"), TypeError, "float32"), (None, TypeError, "NoneType"),
                                    (np.zeros((2, 2), np.float32), ValueError, "(2, 2)"),
                                    (np.array([np.nan], np.float32), ValueError, "NaN")):
            with self.assertRaises(error) as raised:
                stream.push(given)
            self.assertIn(words, str(raised.exception))
        self.assertEqual(stream.ready, 0)
        with self.assertRaisesRegex(ValueError, "max_rows"):
            stream.pull(-1)
        with self.assertRaisesRegex(ValueError, "running_max"):
            engine.Stream(normalization="whisper_window")
        with self.assertRaisesRegex(ValueError, "dtype"):
            engine.Stream(dtype="float64")
