"""What users and broken programs send: a clear error or an explicit End, the daemon lives, others lose nothing."""
import json
import os
import signal
import socket
import subprocess

import numpy

import harness


def objects(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class BadInput(harness.WitnessedTest):
    # Computed from each stream's first sample on, so that no reader comes too late for a frame.
    config = '[features]\nalways = ["whisper-80"]\n'

    def path(self, name):
        return os.path.join(self.daemon.folder, name)

    def push(self, stream, *arguments, rate="16000", channels="1", encoding="s16le"):
        """A publisher fed through a pipe."""
        process = self.daemon.start_client("push", "-", "--stream", stream, "--rate", rate, "--encoding", encoding,
                                           "--channels", channels, "--pace", "fast", *arguments, stdin=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def open_stream(self, stream, *arguments, **keywords):
        process = self.push(stream, *arguments, **keywords)
        process.stdin.write(harness.pcm16("tone1k"))
        process.stdin.flush()
        harness.wait_until(lambda: self.live(stream), "the opening of " + stream)
        return process

    def live(self, stream):
        listed = self.daemon.streams().get(stream)
        return listed is not None and "live" in str(listed["state"]).lower()

    def read_to_the_end(self, reader):
        output, errors = reader.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(reader.returncode, 0, errors.decode())
        return objects(output.decode())

    def test_empty_file(self):
        open(self.path("empty.wav"), "wb").close()
        result, features = self.daemon.extract(self.path("empty.wav"), "whisper-80")
        self.assert_clear(result, 66, "empty.wav")
        self.assertIsNone(features)

    def test_wav_without_samples(self):
        result, features = self.daemon.extract(harness.wav(self.path("none.wav"), []), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(features.shape, (0, 80))

    def test_truncated_wav(self):
        """The header claims more samples than there are: those that are there count, or it is refused."""
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2")
        path = harness.wav(self.path("cut.wav"), samples[:10000], data_bytes=len(samples) * 2)
        result, features = self.daemon.extract(path, "whisper-80")
        if result.returncode == 0:
            _, expected = self.daemon.extract(harness.wav(self.path("whole.wav"), samples[:10000]), "whisper-80")
            self.assertEqual(features.tobytes(), expected.tobytes())
        else:
            self.assert_clear(result, 66, "cut.wav")
            self.assertIsNone(features)

    def test_header_cut_in_the_middle(self):
        with open(self.path("stub.wav"), "wb") as file:
            file.write(b"RIFF\x24\x00\x00\x00WAVEfm")
        result, features = self.daemon.extract(self.path("stub.wav"), "whisper-80")
        self.assert_clear(result, 66, "stub.wav")
        self.assertIsNone(features)

    def test_file_that_is_not_sound(self):
        with open(self.path("text.wav"), "w", encoding="utf-8") as file:
            file.write("this is not sound\n" * 100)
        result, _ = self.daemon.extract(self.path("text.wav"), "whisper-80")
        self.assert_clear(result, 66, "text.wav")

    def test_missing_file_and_folder(self):
        result, _ = self.daemon.extract(self.path("nowhere.wav"), "whisper-80")
        self.assert_clear(result, 66, "nowhere.wav")
        result, _ = self.daemon.extract(self.daemon.folder, "whisper-80")
        self.assert_clear(result, 66)

    def test_odd_bytes_for_16_bit_samples(self):
        result, features = self.daemon.extract("-", "whisper-80", "--rate", "16000", "--encoding", "s16le", "--channels",
                                               "1", stdin=harness.pcm16("tone1k") + b"\x01")
        self.assert_clear(result, 66, "byte")
        self.assertIsNone(features)
        process = self.push("odd")
        _, errors = process.communicate(harness.pcm16("tone1k") + b"\x01", timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, 66, errors.decode())
        self.assertIn("byte", errors.decode())

    def test_nan_and_infinity_become_zero_and_are_counted(self):
        samples = (numpy.frombuffer(harness.pcm16("tone1k"), "<i2") / 32768.0).astype("<f4")
        bad = samples.copy()
        bad[[100, 5000, 9000]] = [numpy.nan, numpy.inf, -numpy.inf]
        zero = samples.copy()
        zero[[100, 5000, 9000]] = 0.0
        result, features = self.daemon.extract(harness.wav_float(self.path("nan.wav"), bad), "kaldi-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        _, expected = self.daemon.extract(harness.wav_float(self.path("zero.wav"), zero), "kaldi-80")
        self.assertTrue(numpy.isfinite(features).all())
        self.assertEqual(features.tobytes(), expected.tobytes())
        process = self.push("not-finite", encoding="f32le")
        output, errors = process.communicate(bad.tobytes(), timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, 0, errors.decode())
        self.assertRegex((output + errors).decode(), r"\b3\b")

    def test_unknown_front_end(self):
        result, features = self.daemon.extract(harness.audio("tone1k"), "whisper-81")
        self.assert_clear(result, 64, "whisper-81", "whisper-80")
        self.assertIsNone(features)

    def test_unknown_stream(self):
        result = self.daemon.client("subscribe", "nobody", "--front-end", "whisper-80", "--out", self.path("x.npy"))
        self.assert_clear(result, 1, "nobody")
        self.assertFalse(os.path.exists(self.path("x.npy")))

    def test_id_that_exists(self):
        first = self.open_stream("taken")
        second = self.push("taken")
        _, errors = second.communicate(harness.pcm16("tone1k"), timeout=harness.DEADLINE_S)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("taken", errors.decode())
        self.assertTrue(self.live("taken"))
        _, errors = first.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(first.returncode, 0, errors.decode())

    def test_takeover_ends_the_old_stream_and_opens_a_new_epoch(self):
        first = self.open_stream("handed-over")
        reader = self.daemon.start_client("subscribe", "handed-over", "--front-end", "whisper-80", "--start", "frame:0",
                                          "--out", "-", "--json")
        self.addCleanup(self.end, reader)
        harness.wait_until(lambda: self.daemon.streams()["handed-over"]["subscriber_count"] == 1, "the subscription")
        old_epoch = str(self.daemon.streams()["handed-over"]["epoch"])
        second = self.push("handed-over", "--takeover")
        second.stdin.write(harness.pcm16("tone1k"))
        second.stdin.flush()
        responses = self.read_to_the_end(reader)
        self.assertEqual(responses[-1]["type"], "end")
        self.assertIn("TAKEN_OVER", responses[-1]["reason"].upper())
        self.assertEqual({str(one["epoch"]) for one in responses if "epoch" in one}, {old_epoch})
        _, errors = first.communicate(timeout=harness.DEADLINE_S)
        self.assertNotEqual(first.returncode, 0)
        self.assertTrue(errors.strip())
        harness.wait_until(lambda: str(self.daemon.streams()["handed-over"]["epoch"]) != old_epoch, "the new epoch")
        _, errors = second.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(second.returncode, 0, errors.decode())

    def test_bad_id(self):
        for stream in ("has space", "slash/ed", "x" * 65, "ümlaut"):
            with self.subTest(stream=stream):
                process = self.push(stream)
                _, errors = process.communicate(harness.pcm16("tone1k"), timeout=harness.DEADLINE_S)
                self.assertNotEqual(process.returncode, 0)
                self.assertIn("stream", errors.decode().lower())
                self.assertNotIn(stream, self.daemon.streams())

    def test_zero_or_nine_channels(self):
        for channels in ("0", "9"):
            with self.subTest(channels=channels):
                process = self.push("channels", channels=channels)
                _, errors = process.communicate(b"\x00" * 180, timeout=harness.DEADLINE_S)
                self.assertNotEqual(process.returncode, 0)
                self.assertIn("channel", errors.decode().lower())
        path = harness.wav(self.path("nine.wav"), numpy.zeros((1600, 9)), channels=9)
        result, features = self.daemon.extract(path, "whisper-80")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("channel", result.stderr.lower())
        self.assertIsNone(features)

    def test_rates_out_of_range(self):
        for rate in ("7999", "192001"):
            with self.subTest(rate=rate):
                process = self.push("rate", rate=rate)
                _, errors = process.communicate(b"\x00" * 320, timeout=harness.DEADLINE_S)
                self.assertNotEqual(process.returncode, 0)
                self.assertIn(rate, errors.decode())

    def test_rate_that_changes_under_one_id(self):
        """A publisher that comes back with another rate is another epoch with features of its own."""
        first = self.open_stream("changing")
        epoch = str(self.daemon.streams()["changing"]["epoch"])
        first.communicate(timeout=harness.DEADLINE_S)
        second = self.open_stream("changing", rate="8000")
        self.assertNotEqual(str(self.daemon.streams()["changing"]["epoch"]), epoch)
        second.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(second.returncode, 0)

    def test_chunk_over_256_kb(self):
        """128,000 samples of 16 bits are 256,000 bytes: the most that one message holds."""
        path = harness.wav(self.path("long.wav"), numpy.arange(250000) % 2000)
        result, features = self.daemon.extract(path, "whisper-80", "--chunk-samples", "128001")
        self.assert_clear(result, 64, "128001", "128000")
        self.assertIsNone(features)
        result, features = self.daemon.extract(path, "whisper-80", "--chunk-samples", "128000")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(features), 250000 // 160)

    def test_stream_ends_under_a_subscriber(self):
        writer = self.open_stream("ending")
        reader = self.daemon.start_client("subscribe", "ending", "--front-end", "whisper-80", "--start", "frame:0",
                                          "--out", "-", "--json")
        self.addCleanup(self.end, reader)
        harness.wait_until(lambda: self.daemon.streams()["ending"]["subscriber_count"] == 1, "the subscription")
        writer.communicate(timeout=harness.DEADLINE_S)
        responses = self.read_to_the_end(reader)
        self.assertEqual(responses[-1]["type"], "end")
        self.assertIn("COMPLETED", responses[-1]["reason"].upper())
        self.assert_tiled(responses, harness.golden_entry("whisper80_raw", "tone1k")["n_frames"])

    def test_publisher_killed_in_mid_stream(self):
        writer = self.open_stream("killed")
        reader = self.daemon.start_client("subscribe", "killed", "--front-end", "whisper-80", "--start", "frame:0",
                                          "--out", "-", "--json")
        self.addCleanup(self.end, reader)
        harness.wait_until(lambda: self.daemon.streams()["killed"]["subscriber_count"] == 1, "the subscription")
        writer.send_signal(signal.SIGKILL)
        responses = self.read_to_the_end(reader)
        self.assertEqual(responses[-1]["type"], "end")
        self.assertIn("SOURCE_LOST", responses[-1]["reason"].upper())
        self.assert_tiled(responses)
        # The id is free at once.
        again = self.open_stream("killed")
        again.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(again.returncode, 0)

    def test_subscriber_killed_in_mid_stream(self):
        writer = self.open_stream("read-once")
        reader = self.daemon.start_client("subscribe", "read-once", "--front-end", "whisper-80", "--out", "-", "--json")
        self.addCleanup(self.end, reader)
        harness.wait_until(lambda: self.daemon.streams()["read-once"]["subscriber_count"] == 1, "the subscription")
        reader.send_signal(signal.SIGKILL)
        harness.wait_until(lambda: self.daemon.streams()["read-once"]["subscriber_count"] == 0, "its end")
        _, errors = writer.communicate(harness.pcm16("tone1k"), timeout=harness.DEADLINE_S)
        self.assertEqual(writer.returncode, 0, errors.decode())

    def assert_tiled(self, responses, n_frames=None):
        """Blocks and gaps follow each other without hole or overlap, from the first frame to the end's."""
        following = 0
        for response in responses:
            if response["type"] in ("block", "gap"):
                self.assertEqual(response["first_frame"], following)
                following += response["frame_count"]
        self.assertGreater(following, 0)
        if n_frames is not None:
            self.assertEqual(following, n_frames)
            self.assertEqual([one for one in responses if one["type"] == "gap"], [])

    def test_garbage_instead_of_http2(self):
        for content in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(harness.DEADLINE_S)
                connection.connect(self.daemon.socket)
                try:
                    connection.sendall(content)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
        self.assertTrue(self.daemon.answers())


class ManyConnects(harness.unittest.TestCase):
    def test_300_connects_at_128_open_files(self):
        """Out of descriptors, a listener of gRPC's own would die for good; ours must answer again."""
        daemon = harness.Daemon(max_open_files=128)
        self.addCleanup(daemon.close)
        for _ in range(2):
            connections = []
            try:
                for _ in range(300):
                    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    connections.append(connection)
                    # The listener's backlog may be full: what cannot connect at once does not wait.
                    connection.setblocking(False)
                    try:
                        connection.connect(daemon.socket)
                    except (BlockingIOError, ConnectionRefusedError, ConnectionResetError):
                        pass
            finally:
                for connection in connections:
                    connection.close()
            harness.wait_until(daemon.answers, "an answer after 300 connects")
        result, features = daemon.extract(harness.audio("tone1k"), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = harness.compare_with_golden("whisper80_raw", "tone1k", features)
        self.assertTrue(report["pass"], report)
