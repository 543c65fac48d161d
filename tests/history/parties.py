"""Who takes part in a run: the daemon, publishers, subscribers, and who asks the daemon what it says of itself. Each writes
what it saw into the run's folder."""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import chaos_proxy
import harness
import history
import network
import pcm

RATE = 16000


def steady_port():
    """A port of loopback that is free now, and will be when its daemon is started again: none that the kernel gives to
    whoever connects."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def now_ns():
    return time.time_ns()


class Record:
    """The run's own log, run.jsonl: an event a line, from any thread."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.file = open(os.path.join(folder, "run.jsonl"), "w", encoding="utf-8")

    def note(self, event, **fields):
        with self.lock:
            self.file.write(json.dumps({"event": event, **fields}) + "\n")
            self.file.flush()

    def close(self):
        self.file.close()


class Server:
    """melstreamd, which is killed and started again; one config, one socket, one port."""

    def __init__(self, record, bin_folder, socket_folder, config, sources=""):
        self.record = record
        self.bin_folder = bin_folder
        self.port = steady_port()
        self.tcp = "127.0.0.1:%d" % self.port
        self.unix = os.path.join(socket_folder, "s")
        self.config = os.path.join(record.folder, "melstream.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s"\nlisten = ["%s"]\n%s\n[metrics]\nlisten = ""\n%s' %
                       (self.unix, self.tcp, config, sources))
        self.process = None
        self.number = -1
        self.n_stopped_readers = 0

    def start(self):
        self.number += 1
        with open(os.path.join(self.record.folder, "daemon.%d.log" % self.number), "wb") as log:
            self.process = subprocess.Popen([os.path.join(self.bin_folder, "melstreamd"), "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.record.note("instance", number=self.number, began_ns=now_ns())
        harness.wait_until(self.answers, "the daemon's start")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("the daemon ended with %d" % self.process.returncode)
        return self.call("info", "--json").returncode == 0

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def call(self, *arguments, timeout=harness.DEADLINE_S):
        """Runs the client to its end."""
        result = subprocess.run([os.path.join(self.bin_folder, "melstream"), *arguments, "--server", "unix:" + self.unix],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
        result.stdout, result.stderr = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
        return result

    def kill(self):
        self.record.note("instance", number=self.number, stop_ns=now_ns(), how="kill")
        self.process.kill()
        self.ended()

    def drain(self, may_time_out):
        self.record.note("instance", number=self.number, stop_ns=now_ns(), how="drain", may_time_out=may_time_out)
        self.process.send_signal(signal.SIGTERM)
        self.ended()

    def ended(self):
        self.record.note("instance", number=self.number, exit_code=self.process.wait(harness.DEADLINE_S))

    def close(self):
        if self.alive():
            self.kill()


class Poller:
    """Asks the daemon again and again: GetServerInfo, ListStreams, ListSources, ListSubscriptions."""

    def __init__(self, record, server, every_s, lists_subscribers):
        self.server = server
        self.commands = ("info", "streams", "sources") + (("subscribers",) if lists_subscribers else ())
        self.every_s = every_s
        self.lock = threading.Lock()
        self.file = open(os.path.join(record.folder, "server.jsonl"), "w", encoding="utf-8")
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.wait(self.every_s):
            self.ask()

    def ask(self):
        """From any thread. Nothing is written of a daemon that is not there."""
        answer = {"t_ns": now_ns(), "instance": self.server.number}
        for name in self.commands:
            if self.server.alive():
                result = self.server.call(name, "--json")
                if result.returncode == 0:
                    answer[name] = json.loads(result.stdout)
        if len(answer) > 2:
            with self.lock:
                self.file.write(json.dumps(answer) + "\n")
                self.file.flush()
        return answer

    def close(self):
        self.stop.set()
        self.thread.join()
        self.file.close()


class Life:
    """One life of a stream; what is common to all kinds."""

    def __init__(self, run, plan, number, n_samples):
        self.run = run
        self.plan = plan
        self.name = "%s.%d" % (plan["id"], number)
        self.stream = plan["id"]
        self.seed = run.plan["seed"] * 1000003 + sum(plan["id"].encode()) * 1009 + number
        self.n_samples = n_samples
        self.instance = run.server.number
        self.note(stream=self.stream, kind=plan["kind"], pace=plan.get("pace", "realtime"), pcm_seed=self.seed, n_sent=n_samples,
                  labels=self.labels(), instance=self.instance, began_ns=now_ns())

    def note(self, **fields):
        self.run.record.note("life", name=self.name, **fields)

    def labels(self):
        return {"life": self.name, **self.plan.get("labels", {})}

    def content(self):
        return pcm.samples(self.seed, 0, self.n_samples)


class PushLife(Life):
    """`melstream push` of a file in real time."""

    def __init__(self, run, plan, number, n_samples, takeover):
        super().__init__(run, plan, number, n_samples)
        self.path = harness.wav(os.path.join(run.scratch, self.name + ".wav"), self.content())
        command = [run.program("melstream"), "push", self.path, "--stream", self.stream, "--pace", plan.get("pace", "realtime"),
                   "--chunk-samples", str(plan.get("chunk", 320)), "--json", "--server", "unix:" + run.server.unix]
        for key, value in self.labels().items():
            command += ["--label", "%s=%s" % (key, value)]
        if takeover:
            command.append("--takeover")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def over(self):
        return self.process.poll() is not None

    def end(self):
        """Politely."""
        if not self.over():
            self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()

    def finish(self):
        output, errors = self.process.communicate(timeout=harness.DEADLINE_S)
        lines = output.decode(errors="replace").splitlines()
        totals = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
        self.note(ended_ns=now_ns(), exit_code=self.process.returncode, error=errors.decode(errors="replace"), totals=totals)
        os.unlink(self.path)


class SenderLife(Life):
    """A thread that sends in real time."""

    def __init__(self, run, plan, number, n_samples):
        super().__init__(run, plan, number, n_samples)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.send, daemon=True)
        self.thread.start()

    def over(self):
        return not self.thread.is_alive()

    def end(self):
        self.stop.set()

    kill = end

    def finish(self):
        self.thread.join()


class TcpLife(SenderLife):
    """Raw PCM over TCP, through the proxy if the plan says so."""

    def send(self):
        error = ""
        try:
            port = self.run.ingest_proxy.port if self.plan.get("via") == "proxy" else self.run.ingest_port
            with socket.create_connection(("127.0.0.1", port), 5.0) as out:
                out.sendall(json.dumps({"stream": self.stream, "rate": RATE, "encoding": "s16le", "channels": 1,
                                        "labels": self.labels()}).encode() + b"\n")
                content = self.content().tobytes()
                n_chunk = 2 * self.plan.get("chunk", 320)
                pace = network.Pace(n_chunk / 2 / RATE)
                for at in range(0, len(content), n_chunk):
                    if self.stop.is_set():
                        break
                    out.sendall(content[at:at + n_chunk])
                    pace.wait()
        except OSError as failure:
            error = str(failure)
        self.note(ended_ns=now_ns(), error=error)


class RtpLife(SenderLife):
    """RTP packets through a proxy that loses, doubles and reorders them by a seed; the source is opened for this life."""

    # The daemon waits for a missing packet for 200 ms at most; then all is told.
    SETTLE_S = 0.6

    def __init__(self, run, plan, number, n_samples):
        self.n_packet = plan["packet_samples"]
        n_samples -= n_samples % self.n_packet
        port = network.free_udp_port()
        labels = ["--label", "life=%s.%d" % (plan["id"], number)]
        for key, value in plan.get("labels", {}).items():
            labels += ["--label", "%s=%s" % (key, value)]
        result = run.server.call("open", "rtp://127.0.0.1:%d?pt=96:L16/16000/1&idle_timeout_s=2&jitter_ms=100-200&conceal=%s" % (
            port, plan.get("conceal", "none")), "--stream", plan["id"], *labels)
        self.opened = result.returncode == 0
        self.proxy = chaos_proxy.ChaosProxy(("127.0.0.1", port), run.plan["seed"] + number, drop=plan["drop"],
                                            double=plan["double"], hold=plan["hold"], n_packets=n_samples // self.n_packet)
        super().__init__(run, plan, number, n_samples)

    def send(self):
        content = self.content().astype(">i2").tobytes()
        step = 2 * self.n_packet
        pace = network.Pace(self.n_packet / RATE)
        n_sent = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number, at in enumerate(range(0, len(content), step)):
                if self.stop.is_set():
                    break
                packet = network.rtp_packet(65500 + number, 2 ** 32 - 3200 + self.n_packet * number, content[at:at + step], 96)
                out.sendto(packet, ("127.0.0.1", self.proxy.port))
                n_sent += 1
                pace.wait()
        time.sleep(self.SETTLE_S)
        self.tell(n_sent)

    def tell(self, n_sent):
        proxy = self.proxy
        proxy.close()
        lost_last = len(proxy.received)
        while lost_last - 1 in proxy.dropped or any(number == lost_last - 1 for number, _ in proxy.waiting):
            lost_last -= 1
        n_dropped = sum(number < lost_last for number in proxy.dropped)
        arrived = len(proxy.received) == n_sent and not proxy.waiting
        same_daemon = self.run.server.alive() and self.run.server.number == self.instance
        if self.opened and same_daemon and arrived and self.plan.get("conceal", "none") == "none":
            self.run.poller.ask()
            self.run.record.note("network", life=self.name, packet_samples=self.n_packet, sent=n_sent, n_dropped=n_dropped)
        if same_daemon:
            self.run.server.call("close", self.stream)
        self.note(ended_ns=now_ns(), n_sent=n_sent * self.n_packet)


class Publisher:
    """Begins a new life of its stream a while after each that is over, until the run ends."""

    KINDS = {"tcp": TcpLife, "rtp": RtpLife}

    def __init__(self, run, plan):
        self.run = run
        self.plan = plan
        self.number = 0
        self.lives = []
        self.next_s = plan["at"]
        self.take_over = False

    def step(self, t_s):
        for life in [life for life in self.lives if life.over()]:
            life.finish()
            self.lives.remove(life)
            if not self.lives:
                self.next_s = t_s + self.plan["again"]
        if self.run.server.alive() and (self.take_over or (not self.lives and t_s >= self.next_s)):
            self.begin(t_s)

    def begin(self, t_s):
        left_s = self.run.plan["seconds"] - t_s + 1 if self.plan.get("pace") != "fast" else float("inf")
        n_samples = int(RATE * min(self.plan["seconds"], left_s))
        if n_samples >= RATE // 2:
            if self.plan["kind"] == "push":
                life = PushLife(self.run, self.plan, self.number, n_samples, self.take_over)
            else:
                life = self.KINDS[self.plan["kind"]](self.run, self.plan, self.number, n_samples)
            self.lives.append(life)
            self.number += 1
        self.take_over = False

    def close(self):
        for life in self.lives:
            life.end()
        for life in self.lives:
            life.finish()
        self.lives = []


class Subscription:
    """One `melstream subscribe`."""

    def __init__(self, run, subscriber, number, tokens):
        self.plan = plan = subscriber.plan
        self.run = run
        self.name = "%s.%d" % (plan["id"], number)
        self.path = os.path.join(run.record.folder, self.name + ".jsonl")
        self.errors = os.path.join(run.record.folder, self.name + ".err")
        self.known_tokens = subscriber.known_tokens
        self.reading = threading.Event()
        self.reading.set()
        self.stopped = False
        self.signals = {}
        many = plan["streams"] if isinstance(plan["streams"], str) else None
        resumes = [{key: token[key] for key in ("stream", "epoch", "next_frame")} for token in tokens]
        request = {"front_end": plan["front_end"], "smoothing": plan["smoothing"], "element_type": plan["element_type"],
                   "many": bool(many) or len(plan["streams"]) > 1, "streams": plan["streams"], "wait": True,
                   "start": plan["start"], "policy": plan["policy"], "via": plan["via"], "resumes": resumes,
                   "reconnect": plan.get("reconnect", False), "frames": plan.get("frames")}
        self.note(subscriber=plan["id"], request=request, began_ns=now_ns())
        command = run.options.subscribe(plan, tokens, run.address(plan["via"]), self.token_file(tokens))
        with open(self.errors, "wb") as errors:
            if plan["out"] == "pipe":
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
                self.reader = threading.Thread(target=self.read, daemon=True)
                self.reader.start()
            else:
                with open(self.path, "wb") as out:
                    self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
                self.reader = None

    def note(self, **fields):
        self.run.record.note("session", name=self.name, **fields)

    def token_file(self, tokens):
        """Of the subscriber's subscriptions; what the client wrote into it stays, unless we know better."""
        path = os.path.join(self.run.record.folder, self.name.rpartition(".")[0] + ".tokens")
        if self.plan["resume"] != "file" and tokens:
            with open(path, "w", encoding="utf-8") as file:
                json.dump({token["stream"]: token["token"] for token in tokens}, file)
        return path

    def read(self):
        """What takes the lines from the pipe, unless it is told not to."""
        with open(self.path, "wb") as out:
            while True:
                self.reading.wait()
                content = os.read(self.process.stdout.fileno(), 65536)
                if not content:
                    return
                out.write(content)
                out.flush()

    def over(self):
        return self.process.poll() is not None

    def stop(self):
        self.note(hampered=True)
        self.stopped = True
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.stopped = False
        self.reading.set()
        if not self.over():
            self.process.send_signal(signal.SIGCONT)

    def do_not_read(self):
        if self.reader is not None:
            self.note(hampered=True)
            self.stopped = True
            self.reading.clear()

    def kill(self):
        self.note(killed=True)
        self.process.kill()

    def interrupt(self):
        if not self.over():
            self.note(interrupted=True)
            self.process.send_signal(signal.SIGINT)

    def finish(self):
        """After its end."""
        self.reading.set()
        code = self.process.wait()
        if self.reader is not None:
            self.reader.join()
            self.process.stdout.close()
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            self.note(ended_ns=now_ns(), exit_code=None if code == -9 else code, error=file.read())

    def tokens(self):
        """Where each stream can be resumed that has not ended: by its last response, or, of a client that keeps its tokens in
        a file, by those in it."""
        last = {}
        with open(self.path, "rb") as file:
            for line in file.read().split(b"\n")[:-1]:
                one = history.normalized(json.loads(line))
                if one["type"] == "end":
                    last.pop(one["stream"], None)
                elif one.get("resume_token"):
                    last[one["stream"]] = self.token(one)
                    self.known_tokens[one["resume_token"]] = last[one["stream"]]
        if self.plan["resume"] != "file":
            return list(last.values())
        return [self.known_tokens[text] for text in self.file_tokens()]

    def token(self, one):
        if one["type"] in ("block", "gap"):
            next_frame = one["first_frame"] + one["n_frames"]
        else:
            next_frame = one["first_frame"] if one["type"] == "start" else one["next_frame"]
        return {"stream": one["stream"], "epoch": one["epoch"], "next_frame": next_frame, "token": one["resume_token"]}

    def file_tokens(self):
        path = self.token_file([])
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            text = file.read().strip()
        return list(json.loads(text).values()) if text.startswith("{") else [text] if text else []


class Subscriber:
    """Subscribes, and subscribes again a while after its subscription is over: anew, or where the last one was."""

    def __init__(self, run, plan):
        self.run = run
        self.plan = plan
        self.number = 0
        self.current = None
        self.next_s = plan["at"]
        self.tokens = []
        self.known_tokens = {}  # what each token stands for that any of its subscriptions was told

    def step(self, t_s):
        if self.current is not None and self.current.over():
            self.current.finish()
            if self.plan["resume"] and self.run.options.resume:
                self.tokens = self.current.tokens()
            ended = self.current.process.returncode == 0
            self.current = None
            self.next_s = t_s + self.plan["again"] if self.plan["again"] is not None else float("inf")
            if ended and not self.tokens and self.plan["again"] is None:
                return
        if self.current is None and t_s >= self.next_s and self.run.server.alive():
            self.current = Subscription(self.run, self, self.number, self.tokens)
            self.number += 1
            self.tokens = []
