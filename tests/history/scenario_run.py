"""Makes a plan happen: one daemon, its publishers and subscribers, and the faults, in real time. What all of them saw is in
the folder afterwards."""
import json
import os
import shutil
import signal
import tempfile
import time

import harness
import parties
import tcp_proxy

STEP_S = 0.02
# All subscriptions are told of the end of their streams within that time.
ENDS_S = 15.0


class Run:
    def __init__(self, plan, bin_folder, folder, options):
        self.plan = plan
        self.bin_folder = bin_folder
        self.options = options
        self.scratch = tempfile.mkdtemp(prefix="melstream-history-")
        os.makedirs(folder, exist_ok=True)
        self.record = parties.Record(folder)
        with open(os.path.join(folder, "plan.json"), "w", encoding="utf-8") as file:
            json.dump(plan, file, indent=1)
        self.record.note("run", history_s=plan["history_s"], always=plan["always"], seed=plan["seed"])
        self.ingest_port = parties.steady_port()
        sources = '[[source]]\nid = "ingest"\nuri = "tcp://127.0.0.1:%d"\n' % self.ingest_port
        config = '[stream]\nhistory_s = %d\n[features]\nalways = %s\n' % (plan["history_s"], json.dumps(plan["always"]))
        self.server = parties.Server(self.record, bin_folder, self.scratch, config, sources)
        self.proxy = tcp_proxy.TcpProxy(("127.0.0.1", self.server.port))
        self.ingest_proxy = tcp_proxy.TcpProxy(("127.0.0.1", self.ingest_port))
        self.poller = parties.Poller(self.record, self.server, plan.get("poll_s", 0.4), options.lists_subscribers)
        self.publishers = {one["id"]: parties.Publisher(self, one) for one in plan["publishers"]}
        self.subscribers = {one["id"]: parties.Subscriber(self, one) for one in plan["subscribers"]}
        self.later = []  # (when, what): the second half of faults

    def program(self, name):
        return os.path.join(self.bin_folder, name)

    def address(self, via):
        if via == "unix":
            return "unix:" + self.server.unix
        return "127.0.0.1:%d" % (self.proxy.port if via == "proxy" else self.server.port)

    def go(self):
        try:
            self.server.start()
            self.play()
            self.end()
        finally:
            self.close()

    def play(self):
        faults = list(self.plan["faults"])
        begin_s = time.monotonic()
        while True:
            t_s = time.monotonic() - begin_s
            if t_s >= self.plan["seconds"]:
                break
            for due in [one for one in self.later if one[0] <= t_s]:
                self.later.remove(due)
                due[1]()
            while faults and faults[0]["at"] <= t_s:
                self.do(faults.pop(0), t_s)
            for one in (*self.subscribers.values(), *self.publishers.values()):
                one.step(t_s)
            time.sleep(STEP_S)
        for _, what in self.later:
            what()
        self.later = []

    def do(self, fault, t_s):
        self.record.note("fault", t_ns=parties.now_ns(), do=fault["do"], target=fault.get("target"))
        getattr(self, "do_" + fault["do"])(fault, t_s)

    def after(self, fault, t_s, what):
        self.later.append((t_s + fault["seconds"], what))

    def do_kill_daemon(self, fault, t_s):
        if self.server.alive():
            self.end_senders()
            self.server.kill()
            self.after(fault, t_s, self.server.start)

    def do_drain_daemon(self, fault, t_s):
        if self.server.alive():
            self.end_senders()
            self.server.drain(any(one.current and one.current.stopped for one in self.subscribers.values()))
            self.after(fault, t_s, self.server.start)

    def do_stop_daemon(self, fault, _):
        """A machine that stands still: what comes meanwhile may be more than the ring holds."""
        if self.server.alive():
            self.server.process.send_signal(signal.SIGSTOP)
            time.sleep(fault["seconds"])
            self.server.process.send_signal(signal.SIGCONT)

    def end_senders(self):
        """Datagrams go nowhere while there is no daemon: their sender's next life begins with the next daemon."""
        for publisher in self.publishers.values():
            for life in publisher.lives:
                if life.plan["kind"] == "rtp":
                    life.end()

    def do_kill_subscriber(self, fault, _):
        current = self.subscribers[fault["target"]].current
        if current is not None and not current.over():
            current.kill()

    def do_stop_subscriber(self, fault, t_s):
        current = self.subscribers[fault["target"]].current
        if current is not None and not current.over():
            current.stop()
            self.after(fault, t_s, current.go_on)

    def do_do_not_read(self, fault, t_s):
        current = self.subscribers[fault["target"]].current
        if current is not None and not current.over():
            current.do_not_read()
            self.after(fault, t_s, current.go_on)

    def do_cut(self, _, __):
        self.proxy.cut()
        self.ingest_proxy.cut()

    def do_stall(self, fault, t_s):
        for one in self.subscribers.values():
            if one.current is not None and one.plan["via"] == "proxy":
                one.current.note(hampered=True)
        self.proxy.stall(True)
        self.after(fault, t_s, lambda: self.proxy.stall(False))

    def do_kill_publisher(self, fault, _):
        for life in self.publishers[fault["target"]].lives:
            life.kill()

    def do_take_over(self, fault, _):
        if self.publishers[fault["target"]].lives:
            self.publishers[fault["target"]].take_over = True

    def do_end_publisher(self, fault, _):
        for life in self.publishers[fault["target"]].lives:
            life.end()

    def end(self):
        """Publishers end, subscriptions are given time to hear of it, then the daemon is drained."""
        if not self.server.alive():
            self.server.start()
        for publisher in self.publishers.values():
            publisher.close()
        current = [one.current for one in self.subscribers.values() if one.current is not None]
        for one in current:
            one.go_on()
        self.poller.ask()
        patience_s = time.monotonic() + ENDS_S
        while time.monotonic() < patience_s and not all(one.over() or self.waits(one) for one in current):
            time.sleep(0.05)
        for one in current:
            if self.waits(one):
                one.interrupt()
        hung = []
        for one in current:
            while not one.over() and time.monotonic() < patience_s + 5:
                time.sleep(0.02)
            if one.over():
                one.finish()
            else:
                hung.append(one)
        self.poller.ask()
        self.server.drain(False)
        for one in hung:
            one.process.kill()
            one.process.wait()
            one.note(exit_code=None, error="it did not end when its streams had")

    def waits(self, subscription):
        """It follows nothing that could still end: it waits for streams to come, now and for ever."""
        open_tracks = set()
        n_streams = len([stream for stream in self.live_streams()])
        with open(subscription.path, "rb") as file:
            for line in file.read().split(b"\n")[:-1]:
                kind = line[:40]
                if b'"type": "start"' in kind:
                    open_tracks.add(json.loads(line)["stream"])
                elif b'"type": "end"' in kind or b'"type": "failure"' in kind:
                    open_tracks.discard(json.loads(line)["stream"])
        return not open_tracks and n_streams == 0

    def live_streams(self):
        result = self.server.call("streams", "--json")
        return [one for one in json.loads(result.stdout) if one["state"] == "live"] if result.returncode == 0 else []

    def close(self):
        for publisher in self.publishers.values():
            for life in publisher.lives:
                life.kill()
            publisher.close()
        for subscriber in self.subscribers.values():
            if subscriber.current is not None and not subscriber.current.over():
                subscriber.current.process.kill()
                subscriber.current.process.wait()
        self.poller.close()
        self.proxy.close()
        self.ingest_proxy.close()
        self.server.close()
        self.record.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def reference_daemon(bin_folder):
    """Another daemon, for computing what features should have been."""
    harness.bin_folder = bin_folder
    return harness.Daemon()
