"""What operators and their tools see: metrics, health over HTTP and gRPC, the watchdog, the log."""
import collections
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

import grpc

import harness

HTTP = '[metrics]\nlisten = "127.0.0.1:0"\n'
SERVICES = ("", "melstream.v1.AudioService", "melstream.v1.FeatureService", "melstream.v1.AdminService")
SERVING, NOT_SERVING = 1, 2
LABELS = {  # all that a label may be: closed lists, and what the build is
    "source", "reason", "engine", "what", "stage", "le", "queue", "listener", "loop", "level", "version", "commit",
    "cuda"}
Answer = collections.namedtuple("Answer", "status body headers")


class Http:
    """The daemon's HTTP side; its port is in the log."""

    def __init__(self, daemon):
        found = harness.wait_until(lambda: re.search(r" metrics address=(\S+)", daemon.log_text()), "the metrics' port")
        self.address = found.group(1)

    def get(self, path, method="GET"):
        request = urllib.request.Request("http://%s%s" % (self.address, path), method=method)
        try:
            with urllib.request.urlopen(request, timeout=harness.DEADLINE_S) as answer:
                return Answer(answer.status, answer.read().decode(), answer.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), error.headers)

    def value(self, name, **labels):
        """The sum over all series of the metric that have these labels."""
        found = [value for (one, has), value in samples_of(self.get("/metrics").body).items()
                 if one == name and labels.items() <= dict(has).items()]
        assert found, "no %s %s" % (name, labels)
        return sum(found)


def samples_of(text):
    """{(name, labels): value} of Prometheus' text."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)', line)
        labels = tuple(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
        samples[match.group(1), labels] = float(match.group(3))
    return samples


class NoticeSocket:
    """A service manager that only listens."""

    def __init__(self, test, name):
        self.address = "@melstream-%s-%d" % (name, os.getpid())
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.address[1:])
        self.socket.settimeout(harness.DEADLINE_S)
        test.addCleanup(self.socket.close)

    def next(self):
        return self.socket.recv(4096).decode()

    def pending(self):
        """What has come by now."""
        self.socket.setblocking(False)
        texts = []
        try:
            while True:
                texts.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return texts
        finally:
            self.socket.settimeout(harness.DEADLINE_S)


def health(channel, method):
    """A call of grpc.health.v1 by its bytes: one string field out, one number in."""
    def serialize(service):
        return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""

    def deserialize(answer):
        return answer[1] if answer else 0

    kind = channel.unary_unary if method == "Check" else channel.unary_stream
    return kind("/grpc.health.v1.Health/" + method, request_serializer=serialize, response_deserializer=deserialize)


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(HTTP + '[features]\nalways = ["whisper-80"]\n[[source]]\nid = "senders"\n'
                                    'uri = "tcp://127.0.0.1:0?rate=16000&max_connections=64"\n')
        cls.addClassCleanup(cls.daemon.close)
        cls.http = Http(cls.daemon)

    def test_scrape_is_clean_and_complete_from_the_start(self):
        daemon = harness.Daemon(HTTP)
        self.addCleanup(daemon.close)
        text = Http(daemon).get("/metrics").body
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        samples = samples_of(text)
        self.assertEqual(sum(value for (name, _), value in samples.items() if name == "melstream_frames_computed_total"), 0)
        for series in (("melstream_frames_gapped_total", (("reason", "subscriber_slow"),)),
                       ("melstream_auth_failures_total", (("reason", "bad_token"),)),
                       ("melstream_connections_rejected_total", (("listener", "unix"), ("reason", "limit"))),
                       ("melstream_watchdog_stalls_total", (("loop", "ms-tick"),)),
                       ("melstream_frame_latency_seconds_count", (("stage", "total"),))):
            self.assertEqual(samples[series], 0, series)
        self.assertEqual(samples["melstream_ready", ()], 1)
        self.assertGreater(samples["process_open_fds", ()], 5)
        self.assertGreater(samples["process_resident_memory_bytes", ()], 1e6)
        self.assertLess(abs(samples["process_start_time_seconds", ()] - time.time()), 600)

    def test_totals_are_those_of_a_stream(self):
        before = {name: self.http.value(name, **labels) for name, labels in (
            ("melstream_ingest_samples_total", {"source": "grpc"}), ("melstream_ingest_bytes_total", {"source": "grpc"}),
            ("melstream_frames_published_total", {}), ("melstream_frames_delivered_total", {}),
            ("melstream_subscriptions_closed_total", {"reason": "completed"}))}
        result, features = self.daemon.extract(harness.audio("jfk"), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(features.shape[0], 1100)

        def grown(name, **labels):
            return self.http.value(name, **labels) - before[name]

        # The call is over for the daemon a moment after the client has its end.
        harness.wait_until(lambda: grown("melstream_subscriptions_closed_total", reason="completed") == 1, "its end")
        self.assertEqual(grown("melstream_ingest_samples_total", source="grpc"), 176000)
        self.assertEqual(grown("melstream_ingest_bytes_total", source="grpc"), 352000)
        self.assertEqual(grown("melstream_frames_published_total"), 1100)
        self.assertEqual(grown("melstream_frames_delivered_total"), 1100)
        self.assertEqual(self.http.value("melstream_streams_active"), 0)
        self.assertGreater(self.http.value("melstream_connections_accepted_total", listener="unix"), 0)
        self.assertGreater(self.http.value("melstream_engine_busy_seconds_total"), 0)

    def test_latency_of_live_audio_is_timed_by_stage(self):
        reader = self.daemon.start_client("subscribe", "live", "--front-end", "whisper-80", "--wait", "--json")
        harness.wait_until(lambda: self.http.value("melstream_subscribers_active") == 1, "the subscription")
        pushed = self.daemon.client("push", harness.audio("espeak"), "--stream", "live", "--pace", "realtime")
        self.assertEqual(pushed.returncode, 0, pushed.stderr)
        reader.communicate(timeout=harness.DEADLINE_S)
        for stage in ("capture", "queue", "engine", "send", "total"):
            self.assertGreater(self.http.value("melstream_frame_latency_seconds_count", stage=stage), 50, stage)
        self.assertLess(self.http.value("melstream_frame_latency_seconds_sum", stage="queue"),
                        self.http.value("melstream_frame_latency_seconds_sum", stage="total"))

    def test_why_subscriptions_ended_is_counted(self):
        def closed(reason):
            return self.http.value("melstream_subscriptions_closed_total", reason=reason)

        refused, cancelled = closed("refused"), closed("cancelled")
        self.assertNotEqual(self.daemon.client("subscribe", "no-such-stream", "--front-end", "whisper-80").returncode, 0)
        harness.wait_until(lambda: closed("refused") == refused + 1, "the refusal's count")
        n_open = self.http.value("melstream_subscriptions_opened_total")
        reader = self.daemon.start_client("subscribe", "later", "--front-end", "whisper-80", "--wait")
        harness.wait_until(lambda: self.http.value("melstream_subscriptions_opened_total") == n_open + 1, "the call")
        reader.kill()
        reader.communicate()
        harness.wait_until(lambda: closed("cancelled") == cancelled + 1, "the loss's count")

    def test_ten_thousand_stream_names_add_no_series_and_are_in_no_label(self):
        port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.daemon.client("sources", "--json").stdout).group(1))
        n_before = self.http.value("melstream_streams_opened_total")
        for i in range(10000):
            with socket.create_connection(("127.0.0.1", port)) as sender:
                sender.sendall(b'{"stream": "name-%d", "rate": 16000}\n' % i + bytes(320))
                sender.shutdown(socket.SHUT_WR)
                # Until the daemon has closed it: so not more than one is open.
                while sender.recv(4096):
                    pass
        self.assertEqual(self.http.value("melstream_streams_opened_total") - n_before, 10000)
        text = self.http.get("/metrics").body
        samples = samples_of(text)
        self.assertLessEqual(len(samples), 400)
        self.assertNotIn("name-", text)
        self.assertEqual({label for _, labels in samples for label, _ in labels} - LABELS, set())
        print("series after 10,000 stream names: %d" % len(samples))


class Health(unittest.TestCase):
    def test_http_answers_what_it_has_and_nothing_else(self):
        daemon = harness.Daemon(HTTP)
        self.addCleanup(daemon.close)
        http = Http(daemon)
        self.assertEqual(http.get("/livez")[:2], (200, "live\n"))
        self.assertEqual(http.get("/readyz")[:2], (200, "ready\n"))
        self.assertEqual(http.get("/healthz")[:2], (200, "ready\n"))
        self.assertEqual(http.get("/metrics").headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(http.get("/readyz", "HEAD")[:2], (200, ""))
        self.assertEqual(http.get("/livez", "POST").status, 405)
        self.assertEqual(http.get("/../etc/passwd").status, 404)
        self.assertEqual(http.get("/").status, 404)

    def test_a_taken_port_ends_the_start_with_the_way_out(self):
        first = harness.Daemon(HTTP)
        self.addCleanup(first.close)
        with self.assertRaisesRegex(AssertionError, r'(?s)ended with 71.*metrics\.listen.*in use.*\\"\\" for no metrics'):
            harness.Daemon('[metrics]\nlisten = "%s"\n' % Http(first).address)

    def test_without_its_required_source_it_is_not_ready(self):
        daemon = harness.Daemon('[metrics]\nlisten = "127.0.0.1:0"\nrequired_sources = ["hall"]\n'
                                '[[source]]\nid = "hall"\nuri = "tcp://127.0.0.1:0?rate=16000"\n')
        self.addCleanup(daemon.close)
        http = Http(daemon)
        harness.wait_until(lambda: http.get("/readyz")[:2] == (503, "inputs: hall is waiting\n"), "not being ready")
        self.assertEqual(http.get("/livez").status, 200, "it lives all the same")
        self.assertEqual(http.value("melstream_ready"), 0)
        port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", daemon.client("sources", "--json").stdout).group(1))
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(bytes(3200))
            harness.wait_until(lambda: http.get("/readyz").status == 200, "being ready")

    def test_a_drain_begins_with_not_serving(self):
        daemon = harness.Daemon(HTTP + '[features]\nalways = ["whisper-80"]\n')
        self.addCleanup(daemon.close)
        http = Http(daemon)
        statuses = {service: [] for service in SERVICES}

        def watch(service):
            with grpc.insecure_channel(daemon.address) as channel:
                for status in health(channel, "Watch")(service, timeout=harness.DEADLINE_S):
                    statuses[service].append(status)
                    if status == NOT_SERVING:
                        return

        with grpc.insecure_channel(daemon.address) as channel:
            for service in SERVICES:
                self.assertEqual(health(channel, "Check")(service, timeout=harness.DEADLINE_S), SERVING, service)
            with self.assertRaises(grpc.RpcError) as unknown:
                health(channel, "Check")("no.such.Service", timeout=harness.DEADLINE_S)
            self.assertEqual(unknown.exception.code(), grpc.StatusCode.NOT_FOUND)
        threads = [threading.Thread(target=watch, args=(service,)) for service in SERVICES]
        for thread in threads:
            thread.start()
        harness.wait_until(lambda: all(statuses.values()), "the first status of each")
        writer = daemon.start_client("push", "-", "--stream", "s", "--rate", "16000", "--encoding", "s16le", "--channels",
                                     "1", stdin=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        writer.stdin.write(bytes(32000))
        writer.stdin.flush()
        harness.wait_until(lambda: "s" in daemon.streams(), "the stream")
        reader = daemon.start_client("subscribe", "s", "--front-end", "whisper-80", "--start", "frame:0", "--json")
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        self.assertIn(b"start", reader.stdout.readline())
        # A reader that stands still keeps its End from being read, and so the drain from its end.
        reader.send_signal(signal.SIGSTOP)
        daemon.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(harness.DEADLINE_S)
        self.assertEqual(statuses, {service: [SERVING, NOT_SERVING] for service in SERVICES})
        self.assertRegex(http.get("/readyz").body, r"(?m)^draining: ")
        self.assertEqual(http.get("/livez").status, 200)
        self.assertIsNone(daemon.process.poll(), "it has ended before its reader")
        reader.send_signal(signal.SIGCONT)
        rest, errors = reader.communicate(timeout=harness.DEADLINE_S)
        self.assertIn(b"end", rest.splitlines()[-1], errors)
        self.assertEqual(daemon.process.wait(harness.DEADLINE_S), 0, daemon.log_text())
        for pipe in (writer.stdin, writer.stdout, writer.stderr):
            pipe.close()


class Watchdog(unittest.TestCase):
    def start(self, name, **variables):
        self.notices = NoticeSocket(self, name)
        environment = dict(os.environ, NOTIFY_SOCKET=self.notices.address, **variables)
        environment.pop("WATCHDOG_PID", None)
        self.daemon = harness.Daemon(HTTP, environment=environment)
        self.addCleanup(self.daemon.close)
        self.http = Http(self.daemon)

    def test_service_manager_hears_ready_watchdog_stopping(self):
        self.start("watchdog", WATCHDOG_USEC="1000000")
        self.assertTrue(self.notices.next().startswith("READY=1\nSTATUS=listening on "))
        for _ in range(4):
            self.assertEqual(self.notices.next(), "WATCHDOG=1")
        self.daemon.process.send_signal(signal.SIGTERM)
        notices = []
        while not notices or notices[-1] == "WATCHDOG=1":
            notices.append(self.notices.next())
        self.assertEqual(notices[-1], "STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000")
        self.assertEqual(self.daemon.process.wait(harness.DEADLINE_S), 0)

    def test_a_tick_that_stands_still_is_named_and_the_watchdog_starves(self):
        self.start("stall", WATCHDOG_USEC="1000000", MELSTREAM_HOLD_TICK="20:9000")
        answer = harness.wait_until(lambda: next(
            (one for one in [self.http.get("/livez")] if one.status == 503), None), "the stall")
        self.assertRegex(answer.body, r"^ms-tick has not moved for [3-9]\.\d s\n$")
        harness.wait_until(lambda: self.http.get("/readyz").status == 503, "not being ready")
        self.assertRegex(self.http.get("/readyz").body, r"(?m)^loops: ms-tick has not moved for")
        self.assertEqual(self.http.value("melstream_watchdog_stalls_total", loop="ms-tick"), 1)
        self.assertEqual(self.http.value("melstream_watchdog_stalls_total"), 1, "no other loop is blamed")
        self.notices.pending()
        starving_since = time.monotonic()
        while self.http.get("/livez").status == 503:
            time.sleep(0.1)
        starved_s = time.monotonic() - starving_since
        fed = [one for one in self.notices.pending() if one == "WATCHDOG=1"]
        # The first may come between the end of the stall and the answer that told it.
        self.assertLessEqual(len(fed), 1, "fed in a stall of %.1f s more" % starved_s)
        self.assertEqual(self.notices.next(), "WATCHDOG=1")
        harness.wait_until(lambda: self.http.get("/readyz").status == 200, "being ready again")
        self.assertIn(" loop_stalled ", self.daemon.log_text())
        self.assertEqual(self.daemon.terminate(), 0)

    def test_another_process_is_watched(self):
        notices = NoticeSocket(self, "other")
        daemon = harness.Daemon(HTTP, environment=dict(os.environ, NOTIFY_SOCKET=notices.address, WATCHDOG_PID="1",
                                                       WATCHDOG_USEC="200000"))
        self.addCleanup(daemon.close)
        self.assertTrue(notices.next().startswith("READY=1\n"))
        http = Http(daemon)
        ticks = http.value("melstream_ticks_total")
        harness.wait_until(lambda: http.value("melstream_ticks_total") > ticks + 100, "a second's ticks")
        self.assertEqual(notices.pending(), [])


class Log(unittest.TestCase):
    def run_to_ready(self, stderr, *arguments, **variables):
        """A daemon whose standard error is given; ends it when it has said that it is ready."""
        notices = NoticeSocket(self, "log")
        folder = harness.tempfile.mkdtemp(prefix="melstream-e2e-")
        self.addCleanup(harness.shutil.rmtree, folder, True)
        config = os.path.join(folder, "m.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s/s"\nlisten = []\n[metrics]\nlisten = ""\n' % folder)
        process = subprocess.Popen([harness.program("melstreamd"), "--config", config, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                   env=dict(os.environ, NOTIFY_SOCKET=notices.address, **variables))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(notices.next().startswith("READY=1\n"))
        self.assertEqual(harness.run_client("info", server="unix:%s/s" % folder).returncode, 0)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.DEADLINE_S), 0)

    def test_a_full_disk_stops_nothing(self):
        with open("/dev/full", "wb") as full:
            self.run_to_ready(full)

    def test_a_closed_pipe_stops_nothing(self):
        end, pipe = os.pipe()
        os.close(end)
        self.addCleanup(os.close, pipe)
        self.run_to_ready(pipe)

    def test_the_journal_gets_priorities_and_all_that_was_said(self):
        with harness.tempfile.TemporaryFile() as file:
            info = os.fstat(file.fileno())
            self.run_to_ready(file, JOURNAL_STREAM="%d:%d" % (info.st_dev, info.st_ino))
            file.seek(0)
            lines = file.read().decode().splitlines()
        self.assertTrue(lines[0].startswith("<6>starting build="), lines[0])
        self.assertEqual(lines[-1], "<6>stopped exit_code=0")
        self.assertTrue(all(re.match(r"<[3467]>[a-z_]+( |$)", line) for line in lines), lines)

    def test_json_has_typed_fields(self):
        with harness.tempfile.TemporaryFile() as file:
            self.run_to_ready(file, "--log-format", "json")
            file.seek(0)
            events = [json.loads(line) for line in file.read().decode().splitlines()]
        self.assertEqual(events[0]["event"], "starting")
        self.assertIsInstance(events[0]["pid"], int)
        self.assertEqual(events[-1], {"ts": events[-1]["ts"], "level": "info", "event": "stopped", "exit_code": 0})

    def test_usr1_writes_the_state(self):
        daemon = harness.Daemon('[features]\nalways = ["whisper-80"]\n')
        self.addCleanup(daemon.close)
        self.assertEqual(daemon.client("push", harness.audio("jfk"), "--stream", "speech", "--pace", "fast").returncode, 0)
        daemon.process.send_signal(signal.SIGUSR1)
        harness.wait_until(lambda: " state_stream stream=speech " in daemon.log_text(), "the state")
        self.assertRegex(daemon.log_text(), r" state streams=0 subscriptions=0 .*engine=\S+ engine_loss=none ")
        self.assertIsNone(daemon.process.poll())


if __name__ == "__main__":
    unittest.main()
