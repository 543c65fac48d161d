"""Windows of many streams by one call, and the watch on streams."""
import glob
import json
import os
import signal
import subprocess
import threading

import numpy

import harness

LENGTH = 16000
EVERY = 8000


class Windows(harness.DaemonTest):
    config = "[stream]\naudio_history_s = 30\n"

    def start(self, *arguments, stdin=subprocess.DEVNULL):
        process = self.daemon.start_client(*arguments, stdin=stdin)
        # Lines are waited for without a deadline of their own.
        guard = threading.Timer(harness.DEADLINE_S, process.kill)
        guard.start()
        self.addCleanup(self.end, process, guard)
        return process

    def end(self, process, guard):
        guard.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def publisher(self, stream, *arguments):
        return self.start("push", "-", "--stream", stream, "--rate", "16000", "--encoding", "s16le", "--channels", "1",
                          "--pace", "fast", *arguments, stdin=subprocess.PIPE)

    def lines(self, process, is_last):
        """JSON lines up to one for which is_last says so."""
        read = []
        for line in process.stdout:
            read.append(json.loads(line))
            if is_last(read):
                return read
        self.fail("it ended after %s: %s" % (read[-3:], process.stderr.read().decode()))

    def offline(self, samples):
        path = harness.wav(os.path.join(self.daemon.folder, "clip.wav"), samples)
        result, features = self.daemon.extract(path, "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        return features

    def load(self, folder, stream, begin):
        paths = glob.glob(os.path.join(folder, "%s.*.%d.npy" % (stream, begin)))
        self.assertEqual(len(paths), 1, os.listdir(folder))
        return numpy.load(paths[0])

    def assert_windows(self, folder, stream, begins, samples):
        for begin in begins:
            features = self.load(folder, stream, begin)
            expected = self.offline(samples[begin:begin + LENGTH])
            self.assertEqual(features.shape, expected.shape)
            self.assertLess(float(numpy.abs(features - expected).max()), 1e-4)

    def test_follows_streams_that_come_and_go(self):
        folder = os.path.join(self.daemon.folder, "windows")
        os.mkdir(folder)
        noise = numpy.random.default_rng(1).integers(-8000, 8000, 60 * harness.RATE).astype("<i2")
        reader = self.start("windows", "--follow", "--stream", "a", "--stream", "b", "--every", str(EVERY / 16000),
                            "--length", str(LENGTH / 16000), "--front-end", "whisper-80", "--out", folder, "--json")
        first = self.publisher("a")
        n_fed = 0

        def feed(n_samples):
            nonlocal n_fed
            first.stdin.write(noise[n_fed:n_fed + n_samples].tobytes())
            first.stdin.flush()
            n_fed += n_samples

        def begun():
            feed(1600)
            return os.listdir(folder)

        harness.wait_until(begun, "the first window")
        # A list of two of the same windows, while their audio is there.
        begin = int(os.listdir(folder)[0].split(".")[2])
        wanted = os.path.join(self.daemon.folder, "list.jsonl")
        with open(wanted, "w", encoding="utf-8") as file:
            for stream in ("a", "nobody"):
                file.write(json.dumps({"stream": stream, "begin_sample": begin, "end_sample": begin + LENGTH}) + "\n")
        listed = self.daemon.client("windows", "--list", wanted, "--front-end", "whisper-80", "--out", "-")
        self.assertEqual(listed.returncode, 1, "one of them is of no stream: " + listed.stderr)
        by_type = {line["type"]: line for line in map(json.loads, listed.stdout.splitlines())}
        self.assertEqual(by_type["failure"]["code"], "NOT_FOUND")
        values = numpy.array(by_type["window"]["values"], numpy.float32)
        numpy.testing.assert_array_equal(values, self.load(folder, "a", begin))

        feed(2 * harness.RATE)
        second = self.publisher("b")
        n_second = 3 * EVERY + LENGTH  # the last window ends with the last sample
        second.communicate(noise[:n_second].tobytes(), timeout=harness.DEADLINE_S)
        first.communicate(timeout=harness.DEADLINE_S)
        lines = self.lines(reader, lambda read: sum(line["type"] == "end" for line in read) == 2)
        self.assertEqual([line for line in lines if line["type"] == "failure"], [])
        begins = {stream: [line["begin_sample"] for line in lines if line["type"] == "window" and line["stream"] == stream]
                  for stream in ("a", "b")}
        self.assertEqual(begins["b"], [0, EVERY, 2 * EVERY, 3 * EVERY])
        last = (n_fed - LENGTH) // EVERY * EVERY
        self.assertEqual(begins["a"], list(range(begins["a"][0], last + 1, EVERY)))
        self.assert_windows(folder, "a", begins["a"][::2], noise)
        self.assert_windows(folder, "b", begins["b"][::3], noise)
        reader.send_signal(signal.SIGINT)
        self.assertEqual(reader.wait(harness.DEADLINE_S), 0)

    def test_bad_selections_are_told(self):
        follow = ("windows", "--follow", "--every", "1", "--length", "1", "--front-end", "whisper-80")
        self.assert_clear(self.daemon.client(*follow, "--labels", "room in (a"), 64, "labels", "position 11")
        self.assert_clear(self.daemon.client(*follow, "--stream", "no body"), 64, "no body")
        self.assert_clear(self.daemon.client("windows", "--follow", "--every", "1", "--length", "41", "--front-end",
                                             "whisper-80", "--all"), 64, "window_seconds", "40")
        self.assert_clear(self.daemon.client("streams", "--labels", "="), 64, "labels", "position 1")

    def test_watch_tells_of_those_selected(self):
        watch = self.start("watch", "--labels", "room=watched", "--json")
        for stream, room in (("beside", "other"), ("seen", "watched")):
            writer = self.publisher(stream, "--label", "room=" + room)
            writer.communicate(harness.pcm16("espeak"), timeout=harness.DEADLINE_S)
        lines = self.lines(watch, lambda read: read[-1]["state"] == "ended")
        self.assertEqual({line["stream"] for line in lines}, {"seen"})
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(harness.DEADLINE_S), 0)
        self.assertEqual(json.loads(self.daemon.client("streams", "--labels", "room=nowhere", "--json").stdout), [])
