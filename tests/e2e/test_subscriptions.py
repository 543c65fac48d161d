"""Subscriptions to many streams, and subscriptions that go on where they were: after the reader was killed, after the
connection was cut, after the daemon was."""
import collections
import json
import os
import signal
import socket
import subprocess
import threading
import zlib

import numpy

import harness

FRONT_END = "whisper-80"
CLIP = "espeak"


def lines_of(path):
    """The responses in a file of JSON lines, as far as they are whole."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def crcs_of(responses, stream):
    """[{frame: CRC-32}] of each life of a stream, in order."""
    lives = collections.OrderedDict()
    for one in responses:
        if one.get("stream") == stream and one["type"] != "failure":
            crcs = lives.setdefault(one["epoch"], {})
            for number, crc in enumerate(one.get("frame_crc32", [])):
                frame = one["first_frame"] + number
                if frame in crcs:
                    raise AssertionError("frame %d of %s came twice" % (frame, stream))
                crcs[frame] = crc
    return list(lives.values())


def ended(path, stream):
    return any(one["type"] == "end" and one["stream"] == stream for one in lines_of(path))


class Cuttable:
    """Forwards connections from a TCP port to a unix socket, until they are cut; new ones are forwarded again."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.pairs = []
        self.accepting = threading.Thread(target=self.accept)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(self.target)
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.forward, args=(source, sink), daemon=True).start()

    @staticmethod
    def forward(source, sink):
        try:
            while True:
                content = source.recv(65536)
                if not content:
                    break
                sink.sendall(content)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()
        self.cut()


class SubscriptionsTest(harness.DaemonTest):
    config = '[features]\nalways = ["%s"]\n' % FRONT_END

    def setUp(self):
        self.number = 0

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def publisher(self, stream, *arguments):
        process = self.daemon.start_client("push", "-", "--stream", stream, "--pace", "fast", *arguments,
                                           stdin=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def publish(self, stream, *arguments):
        """A whole clip."""
        self.complete(self.publisher(stream, *arguments), harness.pcm16(CLIP))

    def complete(self, process, content=None):
        _, errors = process.communicate(content, timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, 0, errors.decode())
        return errors.decode()

    def reader(self, *arguments, out=None):
        """A subscription that writes JSON lines; (process, their file)."""
        self.number += 1
        path = out or os.path.join(self.daemon.folder, "%s-%d.jsonl" % (self.id().rsplit(".", 1)[-1], self.number))
        process = self.daemon.start_client("subscribe", *arguments, "--front-end", FRONT_END, "--crc", "--no-values",
                                           "--out", path)
        self.addCleanup(self.end, process)
        return process, path

    def subscribers(self):
        result = self.daemon.client("subscribers", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def wait_for_subscribers(self, n):
        harness.wait_until(lambda: len(self.subscribers()) == n, "the subscriptions")

    def interrupt(self, process):
        """Ctrl-C; returns what was said."""
        process.send_signal(signal.SIGINT)
        return self.complete(process)

    def expected(self):
        """CRC-32 of each frame of the clip: the same bits however it came here."""
        if not hasattr(SubscriptionsTest, "crcs"):
            result, features = self.daemon.extract(harness.audio(CLIP), FRONT_END)
            self.assertEqual(result.returncode, 0, result.stderr)
            SubscriptionsTest.crcs = {number: zlib.crc32(row.astype("<f4").tobytes()) for number, row in enumerate(features)}
        return SubscriptionsTest.crcs

    def assert_whole(self, responses, stream):
        self.assertEqual(crcs_of(responses, stream), [self.expected()])


class ManySubscriptions(SubscriptionsTest):
    def test_several_ids(self):
        process, path = self.reader("one", "two")
        self.wait_for_subscribers(1)
        for stream in ("other", "one", "two"):
            self.publish(stream)
        harness.wait_until(lambda: ended(path, "one") and ended(path, "two"), "the ends")
        said = self.interrupt(process)
        self.assertIn("2 streams (2 ended), %d frames, 0 gaps" % (2 * len(self.expected())), said)
        responses = lines_of(path)
        self.assertEqual({one["stream"] for one in responses if one["type"] != "heartbeat"}, {"one", "two"})
        for stream in ("one", "two"):
            self.assert_whole(responses, stream)

    def test_by_labels(self):
        process, path = self.reader("--labels", "room in (kitchen, hall), !muted")
        self.wait_for_subscribers(1)
        self.publish("in-lab", "--label", "room=lab")
        self.publish("in-hall-muted", "--label", "room=hall", "--label", "muted=yes")
        self.publish("in-hall", "--label", "room=hall")
        self.publish("in-kitchen", "--label", "room=kitchen")
        harness.wait_until(lambda: ended(path, "in-hall") and ended(path, "in-kitchen"), "the ends")
        self.interrupt(process)
        responses = lines_of(path)
        self.assertEqual({one["stream"] for one in responses if one["type"] != "heartbeat"}, {"in-hall", "in-kitchen"})
        self.assert_whole(responses, "in-hall")
        self.assert_whole(responses, "in-kitchen")

    def test_labels_that_make_no_sense(self):
        result = self.daemon.client("subscribe", "--labels", "room in kitchen", "--front-end", FRONT_END)
        self.assert_clear(result, 64, "labels")

    def test_all_with_a_stream_that_opens_later(self):
        samples = harness.pcm16(CLIP)
        half = len(samples) // 4 * 2
        first = self.publisher("early")
        first.stdin.write(samples[:half])
        first.stdin.flush()
        harness.wait_until(lambda: "early" in self.daemon.streams(), "the stream's opening")
        process, path = self.reader("--all", "--start", "back:30")
        harness.wait_until(lambda: any(crcs_of(lines_of(path), "early")), "the first stream's frames")
        self.publish("later")
        self.complete(first, samples[half:])
        harness.wait_until(lambda: ended(path, "early") and ended(path, "later"), "the ends")
        self.interrupt(process)
        for stream in ("early", "later"):
            self.assert_whole(lines_of(path), stream)

    def test_a_folder_of_npy_files(self):
        folder = os.path.join(self.daemon.folder, "features")
        process = self.daemon.start_client("subscribe", "npy-a", "npy-b", "--front-end", FRONT_END, "--out", folder + "/")
        self.addCleanup(self.end, process)
        self.wait_for_subscribers(1)
        self.publish("npy-a")
        self.publish("npy-b")
        harness.wait_until(lambda: os.path.isdir(folder) and len([name for name in os.listdir(folder)
                                                                  if name.endswith(".npy")]) == 2, "the files")
        epochs = {stream: "%016x" % int(self.daemon.streams()[stream]["epoch"]) for stream in ("npy-a", "npy-b")}
        self.interrupt(process)
        for stream, epoch in epochs.items():
            features = numpy.load(os.path.join(folder, "%s.%s.npy" % (stream, epoch)))
            report = harness.compare_with_golden("whisper80_raw", CLIP, features)
            self.assertTrue(report["pass"], report)

    def test_who_subscribes(self):
        """Acknowledgements are counted, unless there are none."""
        writer = self.publisher("watched")
        harness.wait_until(lambda: "watched" in self.daemon.streams(), "the stream's opening")
        readers = [self.reader("watched", "--no-ack"), self.reader("--all")]
        self.wait_for_subscribers(2)
        silent, polite = sorted(self.subscribers(), key=lambda one: one["streams"] != "watched")
        self.assertEqual((silent["streams"], polite["streams"]), ("watched", "all"))
        self.assertIsNone(silent["unacknowledged_responses"])
        harness.wait_until(lambda: any(one["unacknowledged_responses"] is not None for one in self.subscribers()),
                           "the first acknowledgement")
        self.assertEqual(self.daemon.client("subscribers").returncode, 0)
        self.complete(writer, harness.pcm16(CLIP))
        self.complete(readers[0][0])
        harness.wait_until(lambda: ended(readers[1][1], "watched"), "the end")
        self.interrupt(readers[1][0])
        info = json.loads(self.daemon.client("info", "--json").stdout)
        self.assertGreater(info["queued_bytes_limit"], 0)
        self.assertLessEqual(info["queued_bytes_peak"], info["queued_bytes_limit"])


class ResumedSubscriptions(SubscriptionsTest):
    def kill_after_a_token(self, process, tokens, before):
        """Once the file of tokens has changed: it is written once a second."""
        def content():
            if not os.path.exists(tokens):
                return None
            with open(tokens, "rb") as file:
                return file.read()

        harness.wait_until(lambda: content() not in (None, before), "a newer token")
        process.kill()
        process.wait()
        return content()

    def assert_continues(self, first, second, stream):
        """What came twice is the same, and nothing is missing between."""
        [before], [after] = crcs_of(first, stream), crcs_of(second, stream)
        for frame in before.keys() & after.keys():
            self.assertEqual(before[frame], after[frame], "frame %d" % frame)
        self.assertEqual({**before, **after}, self.expected())
        self.assertLess(len(after), len(self.expected()), "the token was of no use")

    def half_published(self, stream):
        writer = self.publisher(stream)
        samples = harness.pcm16(CLIP)
        half = len(samples) // 4 * 2
        writer.stdin.write(samples[:half])
        writer.stdin.flush()
        harness.wait_until(lambda: self.daemon.streams().get(stream, {}).get("timeline_samples", 0) >= half // 2 - 320,
                           "the first half's arrival")
        return writer, samples[half:]

    def test_one_stream_after_the_reader_was_killed(self):
        writer, rest = self.half_published("killed")
        tokens = os.path.join(self.daemon.folder, "killed.token")
        arguments = ("killed", "--resume-file", tokens, "--start", "frame:0")
        process, first = self.reader(*arguments)
        harness.wait_until(lambda: os.path.exists(tokens), "the first token")
        with open(tokens, "rb") as file:
            start = file.read()
        self.kill_after_a_token(process, tokens, start)
        self.complete(writer, rest)
        process, second = self.reader(*arguments)
        self.complete(process)
        self.assert_continues(lines_of(first), lines_of(second), "killed")

    def test_many_streams_after_the_reader_was_killed(self):
        writers = {stream: self.half_published(stream) for stream in ("many-a", "many-b")}
        tokens = os.path.join(self.daemon.folder, "many.json")
        arguments = (*writers, "--resume-file", tokens, "--start", "back:30")
        process, first = self.reader(*arguments)
        harness.wait_until(lambda: os.path.exists(tokens), "the first token")
        with open(tokens, "rb") as file:
            start = file.read()
        content = self.kill_after_a_token(process, tokens, start)
        self.assertEqual(set(json.loads(content)), set(writers))
        for writer, rest in writers.values():
            self.complete(writer, rest)
        # The streams have ended since, and are resumed all the same.
        process, second = self.reader(*arguments)
        harness.wait_until(lambda: all(ended(second, stream) for stream in writers), "the ends")
        self.interrupt(process)
        for stream in writers:
            self.assert_continues(lines_of(first), lines_of(second), stream)

    def test_from_the_token_of_any_response(self):
        self.publish("tokens")
        process, path = self.reader("tokens", "--start", "frame:0", "--block", "7")
        self.complete(process)
        responses = lines_of(path)
        [whole] = crcs_of(responses, "tokens")
        with_tokens = [one for one in responses if one.get("resume_token")]
        for one in (with_tokens[0], with_tokens[1], with_tokens[len(with_tokens) // 2], with_tokens[-1]):
            behind = one["first_frame"] + one.get("frame_count", 0)
            process, path = self.reader("tokens", "--resume", one["resume_token"])
            self.complete(process)
            expected = {frame: crc for frame, crc in whole.items() if frame >= behind}
            self.assertEqual(crcs_of(lines_of(path), "tokens"), [expected])

    def test_a_token_of_an_earlier_life(self):
        tokens = os.path.join(self.daemon.folder, "life.token")
        self.publish("life")
        arguments = ("life", "--resume-file", tokens, "--start", "frame:0")
        self.complete(self.reader(*arguments)[0])
        # The id is free at once. While the first life can be read, its token is good: it leads to its end.
        process, path = self.reader(*arguments)
        self.complete(process)
        self.assertEqual([one["type"] for one in lines_of(path) if one["type"] != "heartbeat"], ["start", "end"])

    def test_a_token_that_the_daemon_never_gave(self):
        self.publish("never")
        process, path = self.reader("never", "--start", "frame:0")
        self.complete(process)
        token = lines_of(path)[-2]["resume_token"]
        forged = token[:-1] + ("1" if token[-1] == "0" else "0")
        process, path = self.reader("never", "--resume", forged, "--start", "frame:0")
        said = self.complete(process)
        self.assertIn("EPOCH_CHANGED", said)
        self.assert_whole(lines_of(path), "never")

    def test_a_connection_that_is_cut(self):
        """The frames go on behind the last one that came, each once."""
        way = Cuttable(self.daemon.socket)
        self.addCleanup(way.close)
        # Live is from the next frame on, also of a stream that was waited for; of many, those that come begin with their first.
        for selection, stream in ((["cut", "--wait", "--start", "frame:0"], "cut"), (["--labels", "cut=yes"], "cut-many")):
            with self.subTest(selection=selection):
                path = os.path.join(self.daemon.folder, stream + ".jsonl")
                process = subprocess.Popen([harness.program("melstream"), "subscribe", *selection, "--front-end", FRONT_END,
                                            "--crc", "--no-values", "--out", path, "--reconnect", "--server",
                                            way.address], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
                self.addCleanup(self.end, process)
                self.wait_for_subscribers(1)
                writer = self.publisher(stream, "--label", "cut=yes")
                samples = harness.pcm16(CLIP)
                half = len(samples) // 4 * 2
                writer.stdin.write(samples[:half])
                writer.stdin.flush()
                harness.wait_until(lambda: any(crcs_of(lines_of(path), stream)), "the first frames")
                way.cut()
                self.complete(writer, samples[half:])
                harness.wait_until(lambda: ended(path, stream), "the end")
                said = self.complete(process) if stream == "cut" else self.interrupt(process)
                self.assertIn("1 reconnects", said)
                self.assert_whole(lines_of(path), stream)
                self.wait_for_subscribers(0)


class SubscriptionsAcrossRestarts(SubscriptionsTest):
    """The daemon comes back and knows nothing of what was."""

    @classmethod
    def setUpClass(cls):
        """Each test has a daemon of its own."""

    def setUp(self):
        super().setUp()
        self.daemon = harness.Daemon(self.config)
        self.addCleanup(self.daemon.close)

    def restart_under(self, reader, stream, how):
        """Half a clip, another daemon, a whole clip."""
        process, path = reader
        self.wait_for_subscribers(1)
        writer = self.publisher(stream)
        samples = harness.pcm16(CLIP)
        writer.stdin.write(samples[:len(samples) // 4 * 2])
        writer.stdin.flush()
        harness.wait_until(lambda: any(crcs_of(lines_of(path), stream)), "the first frames")
        self.daemon.process.send_signal(how)
        self.daemon.process.wait(harness.DEADLINE_S)
        self.end(writer)
        self.daemon.start()
        harness.wait_until(self.daemon.answers, "the daemon's return")
        # A stream that came and went meanwhile is not live: many would not be told of it.
        self.wait_for_subscribers(1)
        self.publish(stream)

        def is_over():
            responses = [one for one in lines_of(path) if one["type"] in ("start", "end")]
            return len(crcs_of(responses, stream)) == 2 and responses[-1]["type"] == "end"

        harness.wait_until(lambda: process.poll() is not None or is_over(), "the second life's end")
        return process, path

    def check(self, path, said, stream):
        [first, second] = crcs_of(lines_of(path), stream)
        self.assertEqual(second, self.expected())
        # A daemon that is told to stop flushes: the last window and a half reaches past the end.
        last = max(first)
        self.assertEqual({frame: crc for frame, crc in first.items() if frame < last - 1},
                         {frame: second[frame] for frame in first if frame < last - 1})
        self.assertIn("1 reconnects, 0 duplicate frames dropped", said)

    def test_one_stream_of_a_daemon_that_was_killed(self):
        reader = self.reader("again", "--reconnect", "--wait", "--start", "frame:0")
        process, path = self.restart_under(reader, "again", signal.SIGKILL)
        said = self.complete(process)
        self.assertIn("EPOCH_CHANGED", said)
        self.check(path, said, "again")

    def test_one_stream_of_a_daemon_that_was_told_to_stop(self):
        reader = self.reader("again", "--reconnect", "--wait", "--start", "frame:0")
        process, path = self.restart_under(reader, "again", signal.SIGTERM)
        said = self.complete(process)
        self.assertIn("EPOCH_CHANGED", said)
        self.check(path, said, "again")

    def test_many_streams_of_a_daemon_that_was_killed(self):
        reader = self.reader("--all", "--reconnect")
        process, path = self.restart_under(reader, "again", signal.SIGKILL)
        said = self.interrupt(process)
        [failure] = [one for one in lines_of(path) if one["type"] == "failure"]
        self.assertEqual(failure["code"], "FAILED_PRECONDITION")
        self.assertTrue(failure["message"].startswith("EPOCH_CHANGED"), failure)
        self.assertIn("1 epochs changed", said)
        self.check(path, said, "again")
