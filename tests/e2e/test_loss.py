"""Loss on the network: what a seeded proxy or the kernel's firewall takes out is what the daemon says is missing, exactly;
what is left is as exact as ever."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

import numpy

import chaos_proxy
import harness
import network
import recording


def samples_of(packets, kept):
    """Runs of packets that arrived: [(first sample, L16 bytes as little-endian samples)]."""
    runs = []
    for number, packet in enumerate(packets):
        if number not in kept:
            continue
        samples = numpy.frombuffer(packet[12:], ">i2")
        if runs and runs[-1][2] == number:
            runs[-1][1].append(samples)
            runs[-1][2] = number + 1
        else:
            begin = sum(len(p) - 12 for p in packets[:number]) // 2
            runs.append([begin, [samples], number + 1])
    return [(begin, numpy.concatenate(parts)) for begin, parts, _ in runs]


class LossTest(harness.DaemonTest):
    config = '[features]\nalways = ["kaldi-80"]\n'

    def sources(self):
        result = self.daemon.client("sources", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return {source["id"]: source for source in json.loads(result.stdout)}

    def open(self, uri, stream, *arguments):
        result = self.daemon.client("open", uri, "--stream", stream, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.addCleanup(self.daemon.client, "close", stream)

    def record(self, stream):
        one = recording.Recording(self.daemon, stream, "kaldi-80")
        self.addCleanup(one.close)
        return one

    def send_through(self, proxy, clip):
        """Packets of 20 ms of L16 at twice their pace; returns how many."""
        samples = numpy.frombuffer(harness.pcm16(clip), "<i2").astype(">i2").tobytes()
        pace = network.Pace(0.01)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            packets = [samples[at:at + 640] for at in range(0, len(samples), 640)]
            for number, payload in enumerate(packets):
                out.sendto(network.rtp_packet(65500 + number, 2 ** 32 - 3200 + 320 * number, payload, 96),
                           ("127.0.0.1", proxy.port))
                pace.wait()
        harness.wait_until(lambda: len(proxy.received) == len(packets), "the proxy's last packet")
        return len(packets)

    def check_runs(self, one, proxy):
        """Every segment equals the features of its run of samples as a file of its own."""
        kept = set(range(len(proxy.received))) - proxy.dropped
        runs = [run for run in samples_of(proxy.received, kept) if len(run[1]) >= 400]
        segments = {segment.first_sample: segment for segment in one.segments}
        for begin, samples in runs:
            path = harness.wav(os.path.join(self.daemon.folder, "run.wav"), samples)
            _, expected = self.daemon.extract(path, "kaldi-80")
            numpy.testing.assert_array_equal(segments[begin].features(), expected)


class ChaosLoss(LossTest):
    def run_chaos(self, stream, seed, **chances):
        port = network.free_udp_port()
        self.open("rtp://127.0.0.1:%d?pt=96:L16/16000/1&idle_timeout_s=1&jitter_ms=100-200" % port, stream)
        one = self.record(stream)
        proxy = chaos_proxy.ChaosProxy(("127.0.0.1", port), seed, n_packets=146, **chances)
        self.addCleanup(proxy.close)
        print("seed %d" % seed)
        self.assertEqual(self.send_through(proxy, "espeak"), 146)
        counters = harness.wait_until(lambda: self.ended(stream), "the stream's end")
        return one.finish(), proxy, counters

    def ended(self, stream):
        source = self.sources()[stream]
        return source["counters"] if not source["streams"] and source["counters"]["packets"] > 0 else None

    def test_dropped_packets_are_the_gaps(self):
        one, proxy, counters = self.run_chaos("drop", 11, drop=0.1)
        self.assertGreater(len(proxy.dropped), 5)
        self.assertEqual(counters["packets_lost"], len(proxy.dropped))
        self.assertEqual(one.lost_source_samples(), 320 * len(proxy.dropped))
        self.assertEqual({hole["reason"] for hole in one.holes}, {"NET_LOSS"})
        self.check_runs(one, proxy)

    def test_reordered_and_doubled_packets_lose_nothing(self):
        one, proxy, counters = self.run_chaos("reorder", 12, double=0.1, hold=0.1, hold_packets=2)
        self.assertGreater(len(proxy.held), 5)
        self.assertGreater(len(proxy.doubled), 5)
        self.assertEqual(one.holes, [])
        self.assertEqual(counters["packets_duplicate"], len(proxy.doubled))
        self.assertEqual(counters["packets_lost"], 0)
        report = harness.compare_with_golden("kaldi80", "espeak", one.features())
        self.assertTrue(report["pass"], report)

    def test_all_of_it(self):
        one, proxy, counters = self.run_chaos("chaos", 13, drop=0.03, double=0.05, hold=0.05, hold_packets=3)
        self.assertEqual(counters["packets_lost"], len(proxy.dropped))
        self.assertEqual(counters["packets_late"], 0)
        self.assertEqual(one.lost_source_samples(), 320 * len(proxy.dropped))
        self.assertEqual(counters["samples_offered"], counters["samples_accepted"] + counters["samples_dropped"])
        self.check_runs(one, proxy)


def can_make_namespaces():
    """Whether the firewall of a network namespace of its own can drop packets here."""
    if os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("ip") is None:
        return False
    name = "melstream-probe-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return False
    probe = subprocess.run(["ip", "netns", "exec", name, "nft", "add table inet t; add chain inet t c { type filter hook input "
                            "priority 0; }; add rule inet t c numgen random mod 100 < 5 counter drop"], capture_output=True,
                           check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return probe.returncode == 0


class Firewall(unittest.TestCase):
    """The kernel drops packets, and counts them, in a network namespace of the test's own."""

    def setUp(self):
        if not can_make_namespaces():
            self.skipTest("no root, no nft, or a kernel without network namespaces: the seeded proxy shows the same")
        self.name = "melstream-%d" % os.getpid()
        self.inside = ["ip", "netns", "exec", self.name]
        recording.run(["ip", "netns", "add", self.name])
        self.addCleanup(recording.run, ["ip", "netns", "del", self.name])
        recording.run([*self.inside, "ip", "link", "set", "lo", "up"])
        self.nft("add table inet t; add chain inet t c { type filter hook input priority 0; }")

    def nft(self, rule):
        return recording.run([*self.inside, "nft", rule]).stdout.decode()

    def daemon_with(self, uri, **keys):
        config = '[features]\nalways = ["kaldi-80"]\n[[source]]\nid = "calls"\nuri = "%s"\n' % uri
        daemon = harness.Daemon(config + "".join("%s = %s\n" % one for one in keys.items()), wrapper=self.inside)
        self.addCleanup(daemon.close)
        one = recording.Recording(daemon, "calls", "kaldi-80")
        self.addCleanup(one.close)
        return daemon, one

    def test_gap_counts_equal_what_was_dropped(self):
        _, one = self.daemon_with("rtp://127.0.0.1:5004", idle_timeout_s=1)
        sender = os.path.join(os.path.dirname(os.path.abspath(__file__)), "send_rtp.py")
        send = [*self.inside, sys.executable, sender, "5004"]
        recording.run([*send, "5"])
        self.nft("add rule inet t c udp dport 5004 numgen random mod 100 < 5 counter drop")
        recording.run([*send, "1000", "5"])
        dropped = int(re.search(r"counter packets (\d+)", self.nft("list ruleset")).group(1))
        self.nft("flush chain inet t c")
        # What is lost before the first packet is nobody's, and a loss at the end is known when something comes after it.
        recording.run([*send, "5", "1005"])
        one.finish()
        self.assertGreater(dropped, 10)
        self.assertEqual(one.lost_source_samples(), 160 * dropped)

    def test_a_tcp_sender_that_vanishes(self):
        """Its packets stop in mid connection, and no FIN ever comes."""
        daemon, one = self.daemon_with("tcp://127.0.0.1:7000", idle_timeout_s=2)
        sender = subprocess.Popen([*self.inside, "socat", "-u", "EXEC:yes", "TCP:127.0.0.1:7000"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        harness.wait_until(lambda: "calls" in daemon.streams(), "the stream")
        self.nft("add rule inet t c tcp dport 7000 drop")
        one.finish()
        self.assertEqual(one.end["reason"], "SOURCE_LOST")
        self.assertIn("idle_timeout_s", daemon.log_text())
