"""melstream load against a real daemon: the verdict, and that it sees what goes wrong."""
import json
import signal
import time
import unittest

import harness

# What a loaded machine may cost is no fault of the load generator: these tests run few streams, with a ring that holds
# long stalls.
PATIENT = "[stream]\nring_ms = 20000\n"
STREAMS = 20


class Load(harness.DaemonTest):
    config = PATIENT

    def load(self, *arguments):
        result = self.daemon.client("load", "--streams", str(STREAMS), "--seconds", "3", "--ramp-s", "0.5", "--json",
                                    *arguments)
        self.assertTrue(result.stdout, result.stderr)
        return result.returncode, json.loads(result.stdout)

    def assert_sustained(self, code, report):
        self.assertEqual((code, report["sustained"], report["reasons"]), (0, True, []), report)
        self.assertGreaterEqual(report["frames_delivered"], report["frames_expected"])
        # 3.5 s of 100 frames a second at least, less what the ramp and the edges take.
        self.assertGreaterEqual(report["frames_expected"], STREAMS * 300)
        self.assertEqual(report["gaps"], 0)
        self.assertGreater(report["latency_ms"]["count"], STREAMS * 200)
        self.assertGreater(report["latency_ms"]["p99"], 0)
        self.assertGreater(report["daemon"]["cpu_s"], 0)
        self.assertGreater(report["daemon"]["resident_bytes"], 1000000)
        self.assertGreater(report["daemon"]["tick_share"], 0)
        self.assertGreater(report["room_for_streams"], 0)

    def test_a_call_for_each_stream(self):
        code, report = self.load("--encoding", "PCMU", "--front-end", "kaldi-80")
        self.assert_sustained(code, report)
        self.assertEqual(report["format"], "PCMU 8000 Hz")

    def test_batches_and_one_reader(self):
        code, report = self.load("--encoding", "LINEAR16", "--batch", "--subscribe", "many", "--threads", "2")
        self.assert_sustained(code, report)

    def test_nobody_reads(self):
        code, report = self.load("--subscribe", "none")
        self.assertEqual((code, report["sustained"]), (0, True), report)
        self.assertEqual(report["frames_delivered"], 0)

    def test_a_latency_that_nobody_reaches(self):
        code, report = self.load("--max-p99-ms", "0.1")
        self.assertEqual((code, report["sustained"]), (1, False))
        self.assertIn("p99 latency", report["reasons"][0])

    def test_an_interrupt_ends_it_with_the_verdict_so_far(self):
        process = self.daemon.start_client("load", "--streams", "5", "--seconds", "3600", "--ramp-s", "0", "--json")
        harness.wait_until(lambda: len(self.daemon.streams()) >= 5, "the streams")
        time.sleep(1)  # of the run: what is interrupted
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        report = json.loads(output)
        self.assertEqual((process.returncode, report["interrupted"], report["sustained"]), (0, True, True), errors)

    def test_mistakes(self):
        self.assert_clear(self.daemon.client("load", "--encoding", "PCM"), 64, "PCMU", "LINEAR16")
        self.assert_clear(self.daemon.client("load", "--front-end", "kaldi-8"), 64, "kaldi-80")
        self.assert_clear(self.daemon.client("load", "--chunk-ms", "3", "--sample-rate", "11025"), 64, "--chunk-ms")
        self.assert_clear(self.daemon.client("load", "--spawn"), 64, "--server")


class Limits(harness.DaemonTest):
    config = "[stream]\nmax_streams = 8\nring_ms = 20000\n"

    def test_a_limit_of_the_daemon_is_named(self):
        self.assert_clear(self.daemon.client("load", "--streams", "9", "--seconds", "1"), 1, "stream.max_streams", "8")

    def test_the_search_ends_at_the_limit(self):
        result = self.daemon.client("load", "--streams", "3", "--seconds", "1", "--ramp-s", "0", "--find")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("largest        8 streams", result.stdout)
        self.assertIn("raise stream.max_streams", result.stdout)


class Faults(unittest.TestCase):
    def test_a_daemon_that_stands_still_is_seen(self):
        daemon = harness.Daemon("[stream]\nring_ms = 1000\n")
        self.addCleanup(daemon.close)
        process = daemon.start_client("load", "--streams", str(STREAMS), "--seconds", "5", "--ramp-s", "0", "--json")
        harness.wait_until(lambda: len(daemon.streams()) >= STREAMS, "the streams")
        time.sleep(1)  # of audio, before the fault
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(2)  # the fault: its ring holds one second
        daemon.process.send_signal(signal.SIGCONT)
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        report = json.loads(output)
        self.assertEqual((process.returncode, report["sustained"]), (1, False), errors)
        self.assertGreater(report["frames_gapped"], 0, report)
        self.assertIn("CAPTURE_OVERFLOW", report["frames_gapped_by"])
        self.assertGreater(report["chunks_lost"], STREAMS, report)
        self.assertEqual(report["holes"], 0)
        self.assertTrue(report["limit"])

    def test_a_daemon_that_dies_is_seen(self):
        daemon = harness.Daemon(PATIENT)
        self.addCleanup(daemon.close)
        process = daemon.start_client("load", "--streams", "5", "--seconds", "4", "--ramp-s", "0", "--json")
        harness.wait_until(lambda: len(daemon.streams()) >= 5, "the streams")
        time.sleep(1)
        daemon.process.kill()
        output, errors = process.communicate(timeout=harness.DEADLINE_S)
        report = json.loads(output)
        self.assertEqual((process.returncode, report["sustained"]), (1, False), errors)
        self.assertTrue(any("streams failed" in reason for reason in report["reasons"]), report)

    def test_a_private_daemon(self):
        result = harness.run_client("load", "--spawn", "--streams", "5", "--seconds", "1", "--ramp-s", "0")
        self.assertIn("verdict", result.stdout, result.stderr)
        self.assertIn("features out", result.stdout)
