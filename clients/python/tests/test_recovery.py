"""What happens to a subscription when connections and daemons go away."""
import unittest
from unittest import mock

import numpy as np

import melstream
from case import CONFIG, DaemonTest, Gate, Task, audio, free_port, samples, wait_until
from melstream import testing
from tcp_proxy import TcpProxy


class LostConnection(DaemonTest):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.daemon = testing.Daemon(CONFIG, ["127.0.0.1:%d" % port])
        cls.addClassCleanup(cls.daemon.close)
        cls.client = cls.daemon.connect()
        cls.addClassCleanup(cls.client.close)
        cls.proxy = TcpProxy(("127.0.0.1", port))
        cls.addClassCleanup(cls.proxy.close)
        cls.remote = melstream.connect("127.0.0.1:%d" % cls.proxy.port)
        cls.addClassCleanup(cls.remote.close)

    def test_a_cut_connection_loses_and_doubles_nothing(self):
        gate = Gate(samples("jfk"), 80000)
        push = Task(self.client.push, "cut", gate)
        subscription = self.remote.subscribe("cut", front_end="whisper-80", start="first", wait=True)
        events = []
        for event in subscription:
            events.append(event)
            if event.next_frame in (100, 300):
                self.proxy.cut()
            if event.next_frame >= 400:
                gate.open()
        push.join()
        self.assert_golden("whisper80_raw", "jfk", self.assert_tiled(events))
        self.assertGreaterEqual(subscription.n_reconnects, 1)

    def test_a_connection_that_leads_nowhere_is_given_up(self):
        gate = Gate(samples("espeak"), 20000)
        push = Task(self.client.push, "stalled", gate)
        # Heartbeats come each second.
        with mock.patch("melstream.subscription.LONGEST_SILENCE_S", 1.3):
            subscription = self.remote.subscribe("stalled", front_end="whisper-80", start="first", wait=True)
            events = [next(subscription)]
            self.proxy.stall(True)
            self.addCleanup(self.proxy.stall, False)
            with self.assertLogs("melstream", "WARNING") as logged:
                reader = Task(lambda: events.extend(subscription))
                wait_until(lambda: "has said nothing for 1.3 s" in str(logged.output), "giving up")
                self.proxy.stall(False)
                gate.open()
                reader.join()
        push.join()
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(events))

    def test_many_streams_are_resumed_too(self):
        gate = Gate(samples("espeak"), 20000)
        push = Task(self.client.push, "cut-many", gate, labels={"cut": "yes"})
        subscription = self.remote.subscribe(labels="cut=yes", front_end="whisper-80", seconds_back=60)
        events = []
        for event in subscription:
            events.append(event)
            if len(events) == 5:
                self.proxy.cut()
                gate.open()
            if event.next_frame == 290:
                break
        subscription.close()
        push.join()
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(events))

    def test_without_reconnect_a_lost_connection_is_an_error(self):
        gate = Gate(samples("espeak"), 20000)
        push = Task(self.client.push, "lost", gate)
        subscription = self.remote.subscribe("lost", front_end="whisper-80", start="first", wait=True, reconnect=False)
        head = [next(subscription)]
        self.proxy.cut()
        with self.assertRaisesRegex(melstream.ConnectionLost, "resume_token"):
            while True:
                head.append(next(subscription))
        gate.open()
        push.join()
        tail = self.remote.subscribe("lost", front_end="whisper-80", resume_token=subscription.resume_tokens["lost"])
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(head + list(tail)))


class LostDaemon(DaemonTest):
    def follow_two_lives(self, stream, end_daemon):
        """A stream's first life ends with the daemon; returns the events of both by epoch."""
        gate = Gate(samples("espeak"), 20000)
        Task(self.client.push, stream, gate)
        subscription = self.client.subscribe(stream, front_end="whisper-80", start="first", wait=True)
        events = [next(subscription)]
        end_daemon()
        self.daemon.start()
        push = Task(self.client.push, stream, audio("espeak"))
        events += list(subscription)
        push.join()
        gate.open()
        self.assertEqual(subscription.n_reconnects, 1)
        by_epoch = {}
        for event in events:
            by_epoch.setdefault(event.epoch, []).append(event)
        self.assertEqual(len(by_epoch), 2)
        return list(by_epoch.values())

    def test_a_killed_daemon_is_followed_when_it_is_back(self):
        first, second = self.follow_two_lives("killed", self.daemon.kill)
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(second))
        known = self.assert_tiled(second)[:first[-1].next_frame]
        np.testing.assert_array_equal(self.assert_tiled(first), known)

    def test_a_daemon_that_drains_is_followed_when_it_is_back(self):
        def drain():
            self.daemon.process.terminate()
            self.daemon.process.wait()

        _, second = self.follow_two_lives("drained", drain)
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(second))

    def test_give_up(self):
        gate = Gate(samples("espeak"), 20000)
        Task(self.client.push, "gone", gate)
        subscription = self.client.subscribe("gone", front_end="whisper-80", start="first", wait=True, give_up_after=0)
        next(subscription)
        self.daemon.kill()
        with self.assertRaisesRegex(melstream.ConnectionLost, "give_up_after"):
            list(subscription)
        gate.open()
        self.daemon.start()

    def test_the_client_finds_the_next_daemon(self):
        before = self.client.info().start_time_ns
        self.daemon.kill()
        with self.assertRaisesRegex(melstream.DaemonUnavailable, "melstreamd"):
            self.client.info()
        self.daemon.start()
        self.assertGreater(self.client.info().start_time_ns, before)


if __name__ == "__main__":
    unittest.main()
