"""A daemon makes place for another one: streams that run go on to their end, new ones go to the new daemon."""
import os
import signal
import subprocess
import time
import unittest

import numpy

import harness


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.old = harness.Daemon('[features]\nalways = ["whisper-80"]\n', listen=["127.0.0.1:0"])
        self.addCleanup(self.old.close)

    def start_new(self, *arguments):
        """Another daemon on the same addresses."""
        log = open(os.path.join(self.old.folder, "new.log"), "wb")
        self.addCleanup(log.close)
        new = subprocess.Popen([*self.old.command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def end():
            if new.poll() is None:
                new.terminate()
            new.wait(harness.DEADLINE_S)
        self.addCleanup(end)
        return new

    def new_log(self):
        with open(os.path.join(self.old.folder, "new.log"), encoding="utf-8") as file:
            return file.read()

    def test_streams_that_run_are_finished_and_new_ones_go_to_the_new_daemon(self):
        witness = harness.Witness(self.old, "old-stream")
        self.addCleanup(witness.close)
        new = self.start_new("--take-over", "60")
        # It is ready but for its addresses, which the old one still has.
        harness.wait_until(lambda: "engine" in self.new_log(), "the new daemon's start")
        self.assertNotIn("listening", self.new_log())
        self.old.process.send_signal(signal.SIGUSR2)
        harness.wait_until(lambda: "listening" in self.new_log(), "the take-over")
        self.assertNotIn("old-stream", self.old.streams())  # who connects now reaches the new one
        result, features = self.old.extract(harness.audio("espeak"), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(harness.compare_with_golden("whisper80_raw", "espeak", features)["pass"])
        self.assertIsNone(self.old.process.poll(), "the old one is gone, and its stream with it")
        report = witness.finish()
        self.assertTrue(report["pass"], report)
        self.assertEqual(self.old.process.wait(harness.DEADLINE_S), 0)
        self.assertIn("retiring", self.old.log_text())
        self.assertTrue(os.path.exists(self.old.socket), "the old one took the new one's socket away")
        self.assertEqual(self.old.client("info").returncode, 0)
        self.assertIsNone(new.poll())

    def test_nobody_there_ends_at_once(self):
        self.old.process.send_signal(signal.SIGUSR2)
        self.assertEqual(self.old.process.wait(harness.DEADLINE_S), 0)
        self.assertFalse(os.path.exists(self.old.socket))

    def test_term_ends_a_retired_daemon(self):
        out = os.path.join(self.old.folder, "s.npy")
        reader = self.old.start_client("subscribe", "s", "--front-end", "whisper-80", "--wait", "--start", "frame:0",
                                       "--out", out)
        writer = self.old.start_client("push", "-", "--stream", "s", "--rate", "16000", "--encoding", "s16le", "--channels",
                                       "1", stdin=subprocess.PIPE)
        self.addCleanup(reader.communicate)
        self.addCleanup(writer.communicate)
        writer.stdin.write(harness.pcm16("espeak")[:32000])
        writer.stdin.flush()
        def is_streaming():
            stream = self.old.streams().get("s", {})
            return stream.get("subscriber_count") == 1 and stream["timeline_samples"] >= 16000
        harness.wait_until(is_streaming, "a second of audio and its reader")
        self.old.process.send_signal(signal.SIGUSR2)
        harness.wait_until(lambda: "retiring" in self.old.log_text(), "the signal")
        begin = time.monotonic()
        self.assertEqual(self.old.terminate(), 0)
        self.assertLess(time.monotonic() - begin, 30)
        reader.wait(harness.DEADLINE_S)  # it had its End
        self.assertGreater(len(numpy.load(out)), 0)

    def test_tokens_are_withdrawn_while_it_retires(self):
        token = "a-token-of-the-recogniser"
        for name, text in (("tokens", "asr %s\n" % token), ("asr.token", token)):
            with open(os.path.join(self.old.folder, name), "w", encoding="utf-8",
                      opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(text)
        with open(self.old.config, "a", encoding="utf-8") as file:
            file.write('[auth]\ntokens = "%s"\n' % os.path.join(self.old.folder, "tokens")
                       + '[[identity]]\nname = "asr"\nroles = ["subscriber"]\n'
                       + '[[source]]\nid = "late"\nuri = "tcp://127.0.0.1:0"\n')
        self.old.process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: "reloaded" in self.old.log_text(), "the tokens")
        writer = self.old.start_client("push", "-", "--stream", "s", "--rate", "16000", "--encoding", "s16le", "--channels",
                                       "1", stdin=subprocess.PIPE)
        self.addCleanup(writer.communicate)
        writer.stdin.write(harness.pcm16("espeak")[:32000])
        writer.stdin.flush()
        reader = self.old.start_client("subscribe", "s", "--front-end", "whisper-80", "--wait", "--token-file",
                                       os.path.join(self.old.folder, "asr.token"))
        self.addCleanup(reader.kill)
        harness.wait_until(lambda: self.old.streams().get("s", {}).get("subscriber_count") == 1, "the reader")
        self.old.process.send_signal(signal.SIGUSR2)
        harness.wait_until(lambda: "retiring" in self.old.log_text(), "the signal")
        with open(os.path.join(self.old.folder, "tokens"), "w", encoding="utf-8"):
            pass
        self.old.process.send_signal(signal.SIGHUP)
        _, errors = reader.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(reader.returncode, 77, errors)
        self.assertIsNone(self.old.process.poll(), "it still has a publisher")
        self.assertNotIn("source_not_", self.old.log_text())

    def test_without_take_over_the_address_in_use_is_an_error(self):
        new = self.start_new()
        self.assertEqual(new.wait(harness.DEADLINE_S), 71)
        self.assertIn("already in use by another daemon", self.new_log())


if __name__ == "__main__":
    unittest.main()
