"""Sources of the config and of run time, and what bad input does: a clear line, a counter, and nothing else is harmed."""
import json
import os
import random
import socket
import subprocess
import time

import numpy

import harness
import network
import recording


def listed(daemon):
    result = daemon.client("sources", "--json")
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return {source["id"]: source for source in json.loads(result.stdout)}


class Lifecycle(harness.DaemonTest):
    config = '[features]\nalways = ["whisper-80"]\n'

    def test_file_of_the_config_and_its_window(self):
        config = ('[[source]]\nid = "speech"\nuri = "file:%s"\nlabels = { room = "3" }\ncapture = "on-demand"\npacing = "fast"\n'
                  % harness.audio("espeak"))
        daemon = harness.Daemon(config)
        self.addCleanup(daemon.close)
        self.assertEqual(listed(daemon)["speech"]["state"], "idle")
        self.assertEqual(daemon.streams()["speech"]["labels"], {"room": "3"})
        one = recording.Recording(daemon, "speech", "whisper-80")
        self.addCleanup(one.close)
        report = harness.compare_with_golden("whisper80_raw", "espeak", one.finish().features())
        self.assertTrue(report["pass"], report)
        harness.wait_until(lambda: listed(daemon)["speech"]["state"] == "ended", "the file's end")
        self.assertEqual(daemon.terminate(), 0)

    def test_a_looped_file_has_an_audio_history(self):
        self.assertEqual(self.daemon.client("open", "file:%s?loop=true" % harness.audio("short561"), "--stream",
                                            "loop").returncode, 0)
        self.addCleanup(self.daemon.client, "close", "loop")
        harness.wait_until(lambda: self.daemon.streams()["loop"]["timeline_samples"] > 2 * 561, "two rounds")
        held = self.daemon.streams()["loop"]["audio_held"]
        self.assertGreater(held[1] - held[0], 561)

    def test_open_close_and_open_again(self):
        uri = "tcp://127.0.0.1:%d" % network.free_port()
        for _ in range(2):
            result = self.daemon.client("open", uri, "--stream", "again", "--label", "room=3")
            self.assertEqual(result.returncode, 0, result.stderr)
            source = listed(self.daemon)["again"]
            self.assertEqual((source["uri"], source["state"], source["labels"]), (uri, "waiting", {"room": "3"}))
            result = self.daemon.client("close", "again")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertNotIn("again", listed(self.daemon))

    def test_what_cannot_be_opened_says_why(self):
        port = network.free_port()
        self.assertEqual(self.daemon.client("open", "tcp://127.0.0.1:%d" % port, "--stream", "one").returncode, 0)
        self.addCleanup(self.daemon.client, "close", "one")
        cases = (
            ("tcp://127.0.0.1:%d" % port, "two", ("cannot listen", "already")),
            ("tcp://127.0.0.1:0", "one", ("is open", "close it first")),
            ("tpc://127.0.0.1:0", "two", ("no source type 'tpc'", "tcp://host:port")),
            ("tcp://127.0.0.1:0?rat=8000", "two", ("unknown parameter 'rat'", "rate")),
            ("tcp://0.0.0.0:0", "two", ("allow_insecure_bind",)),
            ("rtp://127.0.0.1:5004?pt=96:opus/48000/2", "two", ("opus", "ffmpeg")),
            ("srtp://127.0.0.1:5004", "two", ("ffmpeg",)),
            ("file:/nowhere/x.wav", "two", ("/nowhere/x.wav",)),
        )
        for uri, stream, words in cases:
            with self.subTest(uri=uri):
                result = self.daemon.client("open", uri, "--stream", stream)
                self.assertNotEqual(result.returncode, 0)
                for word in words:
                    self.assertIn(word.lower(), (result.stdout + result.stderr).lower())
        result = self.daemon.client("close", "nobody")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("nobody", result.stderr)

    def test_a_port_that_is_taken_ends_the_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            config = os.path.join(self.daemon.folder, "taken.toml")
            with open(config, "w", encoding="utf-8") as file:
                file.write('[server]\nsocket = "%s/x.sock"\nlisten = []\n[metrics]\nlisten = ""\n'
                           '[[source]]\nid = "s"\nuri = "tcp://127.0.0.1:%d"\n'
                           % (self.daemon.folder, taken.getsockname()[1]))
            result = subprocess.run([harness.program("melstreamd"), "--config", config], capture_output=True, check=False,
                                    timeout=harness.DEADLINE_S)
        self.assertEqual(result.returncode, 71, result.stderr)
        self.assertIn("cannot_open_source", result.stderr.decode())


class BadInput(harness.WitnessedTest):
    """Each beside a stream that must not notice."""

    config = '[features]\nalways = ["whisper-80"]\n'

    def open(self, uri, stream):
        result = self.daemon.client("open", uri, "--stream", stream)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.addCleanup(self.daemon.client, "close", stream)

    def counters(self, stream):
        return listed(self.daemon)[stream]["counters"]

    def refused_by_tcp(self, port, content):
        """Whether the daemon closes the connection."""
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.settimeout(harness.DEADLINE_S)
            sender.sendall(content)
            try:
                return sender.recv(1) == b""
            except ConnectionResetError:
                return True

    def test_headers_that_lie(self):
        port = network.free_port()
        self.open("tcp://127.0.0.1:%d?stream={id}-{n}" % port, "lies")
        lies = (b'{"rate": 7}\n', b'{"channels": 900}\n', b'{"encoding": "mp3"}\n', b'{"stream": "a/b"}\n', b'{"rate": "x"}\n',
                b'{"what": 1}\n', b'{"stream": "' + b"x" * 8192)
        for header in lies:
            with self.subTest(header=header[:30]):
                self.assertTrue(self.refused_by_tcp(port, header))
        harness.wait_until(lambda: self.counters("lies")["connections_refused"] == len(lies), "the refusals")
        self.assertIn("sender_refused", self.daemon.log_text())
        self.assertEqual([name for name in self.daemon.streams() if name.startswith("lies")], [])

    def test_ten_thousand_packets_a_second_from_nowhere(self):
        port = network.free_udp_port()
        self.open("rtp://127.0.0.1:%d?demux=ssrc" % port, "flood")
        chaos = random.Random(7)
        n_sent = 0
        answered = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            begin = time.monotonic()
            while time.monotonic() < begin + 2.0:
                for _ in range(100):
                    kind = n_sent % 3
                    if kind == 0:
                        packet = chaos.randbytes(chaos.randrange(1, 60))
                    elif kind == 1:  # a sender that never sends a second packet
                        packet = network.rtp_packet(chaos.randrange(65536), 0, bytes(160), 0, chaos.randrange(2 ** 32))
                    else:
                        packet = network.rtp_packet(n_sent, 0, bytes(20), 77, chaos.randrange(2 ** 32))
                    sender.sendto(packet, ("127.0.0.1", port))
                    n_sent += 1
                try:
                    sender.recv(1)
                    answered += 1
                except BlockingIOError:
                    pass
                time.sleep(max(0.0, begin + n_sent / 10000 - time.monotonic()))
        counters = self.counters("flood")
        print("flood: %d packets in 2 s, %s" % (n_sent, counters))
        self.assertEqual(answered, 0)
        self.assertEqual(counters["packets"] + counters["kernel_drops"], n_sent)
        self.assertGreater(counters["packets_malformed"], n_sent // 5)
        self.assertGreater(counters["packets_unknown_type"], n_sent // 5)
        self.assertEqual([name for name in self.daemon.streams() if name.startswith("flood")], [])

    def test_a_client_that_sends_nothing(self):
        """In real time, so only with --full: closed after 10 s, at most 30."""
        if not harness.full:
            self.skipTest("slow: --full runs it; tests/audio/net turns the clock instead")
        port = network.free_port()
        self.open("tcp://127.0.0.1:%d" % port, "silent")
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.settimeout(30)
            begin = time.monotonic()
            self.assertEqual(sender.recv(1), b"")
        print("silent client: closed after %.1f s" % (time.monotonic() - begin))

    def test_calls_on_a_range_of_ports(self):
        first = 21000 + (os.getpid() % 100) * 100  # below the ports that others are given by chance
        self.open("rtp://127.0.0.1:%d-%d?idle_timeout_s=1" % (first, first + 399), "call")
        wanted = [first, first + 200, first + 398]
        pace = network.Pace(0.005)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(50):
                for port in wanted:
                    sender.sendto(network.rtp_packet(number, 160 * number, b"\xff" * 160, ssrc=port), ("127.0.0.1", port))
                pace.wait()
        names = ["call-%d" % port for port in wanted]
        streams = harness.wait_until(lambda: self.ended(names), "the calls' end")
        for name in names:
            self.assertEqual(streams[name]["timeline_samples"], 16000)
            self.assertEqual(streams[name]["gap_samples"], 0)

    def ended(self, names):
        streams = self.daemon.streams()
        return streams if all(streams.get(name, {}).get("state") == "ended" for name in names) else None

    def test_packets_that_are_not_what_they_should_be(self):
        """Beside a call, from its own address and from another: wrong types, cut and oversized packets, RTCP. The call's
        features stay those of its file."""
        port = network.free_udp_port()
        self.open("rtp://127.0.0.1:%d?idle_timeout_s=1" % port, "call")
        one = recording.Recording(self.daemon, "call", "whisper-80")
        self.addCleanup(one.close)
        audio = harness.wav_bytes(harness.audio("espeak_8k_mulaw"))
        packets = [audio[at:at + 160] for at in range(0, len(audio), 160)]
        pace = network.Pace(0.005)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as owner, socket.socket(socket.AF_INET,
                                                                                      socket.SOCK_DGRAM) as other:
            for number, payload in enumerate(packets):
                owner.sendto(network.rtp_packet(number, 160 * number, payload), ("127.0.0.1", port))
                whole = network.rtp_packet(number, 160 * number, payload)
                for junk in (whole[:number % 12], network.rtp_packet(number, 0, bytes(60000), 0, 7),
                             network.rtp_packet(number, 0, bytes(160), 9, 8), network.rtp_packet(number, 0, bytes(160), 101, 9),
                             b"\x81\xc8\x00\x06" + bytes(24)):
                    other.sendto(junk, ("127.0.0.1", port))
                owner.sendto(b"\x80", ("127.0.0.1", port))
                pace.wait()
        one.finish()
        counters = self.counters("call")
        n = len(packets)
        self.assertEqual(counters["packets_malformed"], 3 * n)  # cut, oversized, a byte
        self.assertEqual(counters["packets_unknown_type"], 2 * n)
        self.assertEqual(counters["packets_rtcp"], n)
        self.assertEqual((counters["packets_lost"], counters["samples_accepted"]), (0, len(audio)))
        self.assertEqual(one.holes, [])
        _, expected = self.daemon.extract(harness.audio("espeak_8k_mulaw"), "whisper-80")
        numpy.testing.assert_array_equal(one.features(), expected)
        log = self.daemon.log_text()
        for words in ("rtp_malformed", "rtp_unknown_type", "pt=101", "rtp_unsupported_encoding", "encoding=G722", "ffmpeg"):
            self.assertIn(words, log)

    def test_a_second_sender_with_the_same_ssrc(self):
        port = network.free_udp_port()
        self.open("rtp://127.0.0.1:%d?idle_timeout_s=1" % port, "owned")
        one = recording.Recording(self.daemon, "owned", "whisper-80")
        self.addCleanup(one.close)
        pace = network.Pace(0.005)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as owner, socket.socket(socket.AF_INET,
                                                                                      socket.SOCK_DGRAM) as thief:
            for number in range(100):
                owner.sendto(network.rtp_packet(number, 160 * number, b"\xff" * 160), ("127.0.0.1", port))
                if number > 5:
                    thief.sendto(network.rtp_packet(number, 160 * number, b"\x00" * 160), ("127.0.0.1", port))
                pace.wait()
        one.finish()
        self.assertEqual(self.counters("owned")["ssrc_collisions"], 94)
        self.assertEqual(one.holes, [])
        # The owner's audio is digital silence, the other's is loud.
        self.assertLess(float(numpy.max(one.features())), -9.0)

    def test_senders_that_come_again_at_once(self):
        """The id of a stream is free as soon as its sender has ended it."""
        port = network.free_port()
        self.open("tcp://127.0.0.1:%d" % port, "again")
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", port)) as sender:
                sender.sendall(bytes(640))
                sender.shutdown(socket.SHUT_WR)
                sender.settimeout(harness.DEADLINE_S)
                self.assertEqual(sender.recv(1), b"")  # the daemon has closed it too
        counters = self.counters("again")
        self.assertEqual((counters["connections"], counters["connections_refused"]), (30, 0))
        self.assertEqual(counters["samples_accepted"], 30 * 320)

    def test_a_web_page_is_refused(self):
        port = network.free_port()
        self.open("ws://127.0.0.1:%d/audio" % port, "page")
        request = ("GET /audio HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n")
        for host, origin, status in (("127.0.0.1:%d" % port, "", b"101"), ("127.0.0.1:%d" % port,
                                     "Origin: https://evil.example\r\n", b"403"), ("evil.example", "", b"403")):
            with self.subTest(host=host, origin=origin):
                with socket.create_connection(("127.0.0.1", port)) as page:
                    page.settimeout(harness.DEADLINE_S)
                    page.sendall((request % (host, origin)).encode())
                    self.assertEqual(page.recv(4096).split(b" ")[1], status)
