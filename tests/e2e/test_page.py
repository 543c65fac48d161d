"""The live page as a program sees it: who is let in, what is served, what its WebSockets carry, what they cost others."""
import asyncio
import http.client
import json
import os
import re
import socket
import struct
import unittest

import numpy

import harness
from harness import DaemonTest, wait_until

try:
    import websockets
except ImportError:
    websockets = None

CONFIG = '[page]\nlisten = "127.0.0.1:0"\n'
ROWS, GAP, STARTED, ENDED = 1, 2, 3, 4
KEY = "00112233445566778899aabbccddeeff"
HEADER = struct.Struct("<BBBBHHIIqqq")


def page_port(daemon):
    return int(wait_until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/", daemon.log_text()), "the page").group(1))


def parse(message):
    """Records of a binary message: (kind, slot, reason, flags, generation, frame, sample, extra, rows)."""
    at = 0
    while at < len(message):
        kind, slot, reason, flags, generation, n_values, n_rows, _, frame, sample, extra = HEADER.unpack_from(message, at)
        at += HEADER.size
        rows = numpy.frombuffer(message, "<f4", n_rows * n_values, at).reshape(n_rows, n_values) if n_rows else None
        at += n_rows * n_values * 4
        yield {"kind": kind, "slot": slot, "reason": reason, "flags": flags, "generation": generation, "frame": frame,
               "sample": sample, "extra": extra, "rows": rows}


def subscribe(stream, front_end="whisper-80", slot=0, generation=1, smoothing="none", **more):
    return json.dumps({"subscribe": {"slot": slot, "generation": generation, "stream": stream, "front_end": front_end,
                                     "smoothing": smoothing, "seconds_back": 30, **more}})


async def records_until(connection, condition):
    """All records up to the first for which the condition holds."""
    got = []
    while True:
        message = await asyncio.wait_for(connection.recv(), harness.DEADLINE_S)
        if isinstance(message, str):
            refused = json.loads(message).get("refused")
            if refused:
                raise AssertionError(refused)
            continue
        for record in parse(message):
            got.append(record)
            if condition(record):
                return got


def features(records):
    return numpy.concatenate([record["rows"] for record in records if record["kind"] == ROWS])


def open_on_demand(daemon, path, stream):
    result = daemon.client("open", "file:%s?pacing=fast&capture=on-demand" % path, "--stream", stream)
    if result.returncode != 0:
        raise AssertionError(result.stderr)


def token_of(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.DEADLINE_S)
    connection.request("GET", "/")
    text = connection.getresponse().read().decode()
    connection.close()
    return re.search(r'token" content="([0-9a-f]{64})"', text).group(1)


class PageTest(DaemonTest):
    config = CONFIG

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = page_port(cls.daemon)
        cls.host = "127.0.0.1:%d" % cls.port
        cls.token = token_of(cls.port)

    @classmethod
    def get(cls, path, method="GET", body=None, **headers):
        """(response, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", cls.port, timeout=harness.DEADLINE_S)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def url(self, path="/features", token=None):
        return "ws://%s%s?token=%s" % (self.host, path, self.token if token is None else token)


class HttpTest(PageTest):
    def test_everything_is_served_with_its_type_and_nothing_else(self):
        response, page = self.get("/")
        self.assertEqual(response.status, 200)
        types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        names = set(re.findall(r'(?:src|href)="([a-z.]+)"', page))
        seen = set()
        while names - seen:
            name = (names - seen).pop()
            seen.add(name)
            response, text = self.get("/" + name)
            self.assertEqual(response.status, 200, name)
            self.assertTrue(response.getheader("Content-Type").startswith(types[name.split(".")[1]]), name)
            names |= set(re.findall(r'from "\./([a-z.]+)"', text))
            self.assertNotIn(self.token, text)
        self.assertGreater(len(seen), 8)
        for path in ("/index.html", "/web/app.js", "/../melstream.toml", "/%2e%2e/x", "//", "/app.js/"):
            self.assertEqual(self.get(path)[0].status, 404, path)

    def test_headers_shut_the_page_in(self):
        for path, status in (("/", 200), ("/none", 404), ("/features", 403)):
            response, _ = self.get(path)
            self.assertEqual(response.status, status)
            policy = response.getheader("Content-Security-Policy")
            self.assertTrue(policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"), policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(response.getheader("X-Content-Type-Options"), "nosniff")
            self.assertEqual(response.getheader("Referrer-Policy"), "no-referrer")
            self.assertEqual(response.getheader("Cache-Control"), "no-store")
            self.assertIsNone(response.getheader("Access-Control-Allow-Origin"))

    def test_rebound_names_and_other_origins_are_refused(self):
        for host in ("evil.example", "evil.example:%d" % self.port, "127.0.0.1", "127.0.0.1:1", "10.0.0.1:%d" % self.port):
            response, text = self.get("/", Host=host)
            self.assertEqual(response.status, 403, host)
            self.assertNotIn(self.token, text)
        self.assertEqual(self.get("/", Host="localhost:%d" % self.port)[0].status, 200)
        for origin in ("http://evil.example", "null", "https://" + self.host, "http://127.0.0.1:1"):
            response, text = self.get("/", Origin=origin)
            self.assertEqual(response.status, 403, origin)
            self.assertNotIn(self.token, text)
        self.assertEqual(self.get("/", Origin="http://" + self.host)[0].status, 200)

    def test_methods_sizes_and_rubbish(self):
        self.assertEqual(self.get("/", method="POST")[0].status, 405)
        self.assertEqual(self.get("/", method="DELETE")[0].status, 405)
        self.assertEqual(self.get("/", method="HEAD")[1], "")
        self.assertEqual(self.get("/", Cookie="x" * 9000)[0].status, 431)
        with socket.create_connection(("127.0.0.1", self.port), harness.DEADLINE_S) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            self.assertIn(b" 400 ", connection.recv(4096).split(b"\r\n")[0])

    def test_connections_are_limited_and_the_daemon_lives(self):
        idle = [socket.create_connection(("127.0.0.1", self.port), harness.DEADLINE_S) for _ in range(40)]
        try:
            closed = wait_until(lambda: [one for one in idle if self.is_closed(one)], "the refusal of some")
            self.assertGreaterEqual(len(closed), 1)
        finally:
            for one in idle:
                one.close()
        wait_until(lambda: self.answers(), "the page's answer")
        self.assertTrue(self.daemon.answers())

    @staticmethod
    def is_closed(connection):
        connection.setblocking(False)
        try:
            return connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def answers(self):
        try:
            return self.get("/")[0].status == 200
        except (ConnectionError, http.client.HTTPException):
            return False


@unittest.skipIf(websockets is None, "python3-websockets is not there; scripts/install-deps --peers")
class SocketTest(PageTest):
    async def status(self, url, **headers):
        """101, or what is answered instead."""
        origin = headers.pop("origin", None)
        try:
            async with websockets.connect(url, origin=origin, extra_headers=headers, compression=None):
                return 101
        except websockets.exceptions.InvalidStatusCode as error:
            return error.status_code

    def test_only_the_page_of_this_start_gets_a_websocket(self):
        async def run():
            own = "http://" + self.host
            for path in ("/features", "/microphone"):
                self.assertEqual(await self.status(self.url(path), origin=own), 101)
                self.assertEqual(await self.status(self.url(path)), 101)
                self.assertEqual(await self.status(self.url(path), origin="http://evil.example"), 403)
                self.assertEqual(await self.status(self.url(path), origin="null"), 403)
                self.assertEqual(await self.status(self.url(path, "0" * 64), origin=own), 403)
                self.assertEqual(await self.status("ws://%s%s" % (self.host, path), origin=own), 403)
            self.assertEqual(await self.status(self.url("/"), origin=own), 404)
            # A name that was made to point here: Host and Origin agree with each other, and the token was guessed.
            rebound = self.url().replace("127.0.0.1", "evil.localhost")
            try:
                socket.getaddrinfo("evil.localhost", self.port)
            except socket.gaierror:
                return
            self.assertEqual(await self.status(rebound, origin="http://evil.localhost:%d" % self.port), 403)

        asyncio.run(run())

    async def features_of(self, clip, front_end, smoothing="none", id="clip"):
        """Of a file that is read once somebody subscribes."""
        open_on_demand(self.daemon, harness.audio(clip), id)
        async with websockets.connect(self.url(), max_size=None, compression=None) as connection:
            await connection.send(subscribe(id, front_end, smoothing=smoothing))
            return await records_until(connection, lambda record: record["kind"] == ENDED)

    def test_features_equal_extract_and_the_golden_data(self):
        for front_end, preset in (("whisper-80", "whisper80_raw"), ("kaldi-80", "kaldi80")):
            records = asyncio.run(self.features_of("espeak", front_end, id="golden-" + front_end))
            self.assertFalse([record for record in records if record["kind"] == GAP])
            got = features(records)
            report = harness.compare_with_golden(preset, "espeak", got)
            self.assertTrue(report["pass"], report)
            _, extracted = self.daemon.extract(harness.audio("espeak"), front_end)
            numpy.testing.assert_array_equal(got, extracted)

    def test_smoothing_is_the_daemons(self):
        got = features(asyncio.run(self.features_of("espeak", "whisper-80", "box3x3", id="smooth")))
        _, extracted = self.daemon.extract(harness.audio("espeak"), "whisper-80", "--smoothing", "box3x3")
        numpy.testing.assert_array_equal(got, extracted)

    def test_frames_and_gaps_tile_when_it_goes_on(self):
        records = asyncio.run(self.features_of("espeak", "whisper-80", id="again"))
        whole, epoch = features(records), records[0]["extra"] % 2**64

        async def run():
            async with websockets.connect(self.url(), max_size=None, compression=None) as connection:
                await connection.send(subscribe("again", epoch=str(epoch), frame=100))
                return await records_until(connection, lambda record: record["kind"] == ENDED)

        again = asyncio.run(run())
        self.assertEqual(again[0]["kind"], STARTED)
        self.assertEqual(again[0]["frame"], 100)
        numpy.testing.assert_array_equal(features(again), whole[100:])

    def test_operators_see_who_reads(self):
        async def run():
            async with websockets.connect(self.url(), compression=None) as connection:
                await connection.send(subscribe("nobody-yet", "kaldi-80"))
                await (await connection.ping())
                result = await asyncio.get_running_loop().run_in_executor(
                    None, lambda: self.daemon.client("subscribers", "--json"))
                return json.loads(result.stdout)

        readers = asyncio.run(run())
        self.assertEqual([(one["streams"], one["front_end"]) for one in readers], [("nobody-yet", "kaldi-80")])
        self.assertRegex(readers[0]["peer"], r"^page:127\.0\.0\.1:\d+$")
        self.assertEqual(json.loads(self.daemon.client("subscribers", "--json").stdout), [])

    def test_what_cannot_be_is_said(self):
        async def run():
            async with websockets.connect(self.url(), compression=None) as connection:
                await connection.send(subscribe("x", "whisper-81"))
                while True:
                    message = json.loads(await asyncio.wait_for(connection.recv(), harness.DEADLINE_S))
                    if "refused" in message:
                        self.assertIn("whisper-80", message["refused"]["message"])
                        break
                await connection.send(subscribe("x", "mfcc-13", smoothing="box3x3"))
                while "refused" not in (message := json.loads(await connection.recv())):
                    pass
                self.assertIn("smoothing", message["refused"]["message"])

        asyncio.run(run())

    def closing(self, path, *messages):
        """Close code and the error that was told."""
        async def run():
            error = None
            async with websockets.connect(self.url(path), max_size=None, compression=None) as connection:
                try:
                    for message in messages:
                        await connection.send(message)
                    while True:
                        answer = await asyncio.wait_for(connection.recv(), harness.DEADLINE_S)
                        if isinstance(answer, str):
                            error = json.loads(answer).get("error", error)
                except websockets.exceptions.ConnectionClosed:
                    pass
                return connection.close_code, error

        return asyncio.run(run())

    def test_bad_messages_close_with_a_reason(self):
        start = json.dumps({"start": {"rate": 16000, "key": KEY}})
        for path, messages, says in (
                ("/features", ["{"], "JSON"), ("/features", ['{"subscribe":{}}'], "slot"), ("/features", [b"\0" * 8], "text"),
                ("/microphone", [b"\0" * 16], "before its start"), ("/microphone", ['{"start":{}}'], "rate"),
                ("/microphone", [json.dumps({"start": {"rate": 7999, "key": KEY}})], "8000"),
                ("/microphone", [start, b"\0" * 9], "float32"), ("/microphone", [start, b"\xff" * 12], "index")):
            code, error = self.closing(path, *messages)
            self.assertEqual(code, 1008, (path, error))
            self.assertIn(says, error)

    def test_huge_messages_are_cut_off(self):
        for path in ("/features", "/microphone"):
            code, _ = self.closing(path, b"\0" * (1 << 20))
            self.assertIn(code, (1006, 1009), path)
        self.assertTrue(self.daemon.answers())

    def test_the_list_tells_level_lag_and_losses(self):
        async def run():
            async with websockets.connect(self.url(), compression=None) as connection:
                hello = json.loads(await connection.recv())["hello"]
                names = {one["name"]: one for one in hello["front_ends"]}
                self.assertEqual(len(names["whisper-80"]["axis_hz"]), 80)
                self.assertEqual(names["mfcc-13"]["axis_hz"], [])
                self.assertTrue(hello["microphone"])
                while True:
                    listed = json.loads(await asyncio.wait_for(connection.recv(), harness.DEADLINE_S)).get("streams", [])
                    for stream in listed:
                        if stream["id"] == "listed" and stream["seconds"] > 0:
                            return stream

        push = self.daemon.start_client("push", harness.audio("jfk"), "--stream", "listed", "--pace", "realtime")
        try:
            stream = asyncio.run(run())
            self.assertLess(stream["rms_db"], 0)
            self.assertEqual(stream["gap_seconds"], 0)
            self.assertFalse(stream["ended"])
        finally:
            push.kill()
            push.communicate()


@unittest.skipIf(websockets is None, "python3-websockets is not there; scripts/install-deps --peers")
class MicrophoneTest(PageTest):
    # Computed from the first sample on, so that no reader comes too late for a frame.
    config = '[features]\nalways = ["kaldi-80"]\n' + CONFIG

    @staticmethod
    def piece(first, samples):
        return struct.pack("<q", first) + samples.astype("<f4").tobytes()

    def test_audio_comes_back_as_features_and_a_lost_connection_as_a_gap(self):
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2").astype("<f4") / 32768
        samples = samples[:16000 * 2]

        async def send(begin, end, close):
            connection = await websockets.connect(self.url("/microphone"), compression=None)
            await connection.send(json.dumps({"start": {"rate": 16000, "key": KEY}}))
            started = json.loads(await connection.recv())["started"]
            for first in range(begin, end, 800):
                await connection.send(self.piece(first, samples[first:first + 800]))
            if close:
                await connection.close(1000)
            else:
                # Answered when all before it was taken.
                await (await connection.ping())
                connection.transport.abort()
            return started

        async def run():
            async with websockets.connect(self.url(), max_size=None, compression=None) as reader:
                first = await send(0, 8000, close=False)
                self.assertEqual(first["next_sample"], 0)
                await reader.send(subscribe(first["stream"], "kaldi-80"))
                again = await send(16000, 24000, close=True)
                self.assertEqual(again, {"stream": first["stream"], "next_sample": 8000})
                return await records_until(reader, lambda record: record["kind"] == ENDED)

        records = asyncio.run(run())
        gaps = [record for record in records if record["kind"] == GAP and record["extra"] > 0]
        self.assertEqual([(gap["frame"], gap["extra"]) for gap in gaps], [(50, 50)])
        self.assertEqual(records[-1]["reason"], 0)
        at = records.index(gaps[0])
        for part, begin in ((records[:at], 0), (records[at:], 16000)):
            path = harness.wav_float(os.path.join(self.daemon.folder, "part.wav"), samples[begin:begin + 8000])
            _, extracted = self.daemon.extract(path, "kaldi-80")
            numpy.testing.assert_array_equal(features(part), extracted)

    def test_pages_may_be_kept_from_sending(self):
        daemon = harness.Daemon('[auth]\nanonymous_roles = ["subscriber"]\n' + CONFIG)
        self.addCleanup(daemon.close)
        port = page_port(daemon)
        token = token_of(port)

        async def run():
            url = "ws://127.0.0.1:%d/%s?token=" + token
            async with websockets.connect(url % (port, "features")) as features_socket:
                self.assertFalse(json.loads(await features_socket.recv())["hello"]["microphone"])
            with self.assertRaises(websockets.exceptions.InvalidStatusCode) as caught:
                await websockets.connect(url % (port, "microphone"))
            self.assertEqual(caught.exception.status_code, 403)

        asyncio.run(run())

    def test_the_drain_says_goodbye(self):
        daemon = harness.Daemon(CONFIG)
        self.addCleanup(daemon.close)
        port = page_port(daemon)
        token = token_of(port)

        async def run():
            async with websockets.connect("ws://127.0.0.1:%d/features?token=%s" % (port, token)) as reader:
                await reader.recv()
                loop = asyncio.get_running_loop()
                ended = loop.run_in_executor(None, daemon.terminate)
                with self.assertRaises(websockets.exceptions.ConnectionClosed):
                    while True:
                        await asyncio.wait_for(reader.recv(), harness.DEADLINE_S)
                self.assertEqual(reader.close_code, 1001)
                self.assertEqual(await ended, 0)

        asyncio.run(run())


@unittest.skipIf(websockets is None, "python3-websockets is not there; scripts/install-deps --peers")
class SlowPageTest(harness.WitnessedTest):
    """A page that takes nothing gets gaps of its own or is cut off, and harms nobody."""

    config = '[features]\nalways = ["whisper-80"]\n' + CONFIG

    def raw_socket(self, port, receive_bytes):
        """A WebSocket by hand, with a small buffer, subscribed four times."""
        token = token_of(port)
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        peer.settimeout(harness.DEADLINE_S)
        peer.connect(("127.0.0.1", port))
        peer.sendall(("GET /features?token=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" % (token, port)).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):  # byte by byte: nothing of what follows is taken
            answer += peer.recv(1)
        for slot in range(4):
            text = subscribe("flood", slot=slot).encode()
            peer.sendall(struct.pack(">BBH", 0x81, 0x80 | 126, len(text)) + b"\0\0\0\0" + text)
        return peer

    def test_a_page_that_takes_nothing_is_cut_off(self):
        self.raw_socket(page_port(self.daemon), 4096)
        # A busy machine may refuse it for a while, or leave rows out; it goes on for ever.
        wait_until(lambda: self.daemon.client("open", "file:%s?loop=true" % harness.audio("jfk"), "--stream",
                                              "flood").returncode == 0, "the stream's opening")
        wait_until(lambda: "page_cut_off" in self.daemon.log_text(), "the end of the slow page")


@unittest.skipIf(websockets is None, "python3-websockets is not there; scripts/install-deps --peers")
class ShortHistoryTest(PageTest):
    config = "[stream]\nhistory_s = 1.0\n" + CONFIG

    def test_a_page_that_falls_behind_gets_a_gap_of_its_own(self):
        # Thirty seconds at once, of which the history keeps one.
        samples = numpy.tile(harness.wav_samples(harness.audio("jfk"))[0], 3)
        open_on_demand(self.daemon, harness.wav(os.path.join(self.daemon.folder, "long.wav"), samples), "slow")

        async def run():
            async with websockets.connect(self.url(), max_size=None, compression=None) as reader:
                await reader.send(subscribe("slow", "kaldi-80"))
                return await records_until(reader, lambda record: record["kind"] == ENDED)

        records = asyncio.run(run())
        self.assertTrue([record for record in records if record["kind"] == GAP and record["flags"] & 4])
        position = records[0]["frame"]
        for record in records[1:]:
            self.assertEqual(record["frame"], position, record["kind"])
            position += len(record["rows"]) if record["kind"] == ROWS else record["extra"] if record["kind"] == GAP else 0
        self.assertEqual(position, 3300)


if __name__ == "__main__":
    unittest.main()
