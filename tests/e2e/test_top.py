"""melstream top: one look without a terminal, and the view in a terminal of its own (tmux)."""
import json
import os
import shutil
import subprocess
import tempfile

import harness


class Top(harness.DaemonTest):
    config = "[stream]\nring_ms = 20000\n"

    def start_streams(self, n=3):
        """Live streams with a reader each, for as long as the test runs."""
        load = self.daemon.start_client("load", "--streams", str(n), "--seconds", "3600", "--ramp-s", "0")
        self.addCleanup(self.end, load)
        harness.wait_until(lambda: len(self.live()) >= n, "the streams")

    def live(self):
        """Those that have rows."""
        return [s for s in self.daemon.streams().values() if s["state"] == "live" and s["behind_ns"] is not None]

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def test_one_look_as_text_and_as_json(self):
        self.start_streams()
        result = self.daemon.client("top", "--once")
        self.assertEqual(result.returncode, 0, result.stderr)
        for word in ("tick busy", "frames/s", "processor", "STREAM", "load-", "whisper-80", "PEER"):
            self.assertIn(word, result.stdout)
        self.assertNotIn("\x1b", result.stdout)
        result = self.daemon.client("top", "--json", "--sort", "level")
        look = json.loads(result.stdout)
        live = [stream for stream in look["streams"] if stream["state"] == "live"]
        self.assertEqual(len(live), 3, look)
        self.assertEqual([stream["subscribers"] for stream in live], [1, 1, 1])
        levels = [stream["rms_dbfs"] or -1000 for stream in live]
        self.assertEqual(levels, sorted(levels, reverse=True))
        self.assertGreaterEqual(len(look["subscriptions"]), 3)
        self.assertGreater(look["server"]["frames_per_second"], 50)
        self.assertGreater(look["server"]["tick_share"], 0)
        self.assertIsNotNone(live[0]["lost_seconds_per_second"])
        self.assertIsNotNone(live[0]["behind_ms"])

    def test_labels_choose(self):
        self.start_streams()
        look = json.loads(self.daemon.client("top", "--json", "--labels", "load=nobody").stdout)
        self.assertEqual(look["streams"], [])

    def test_mistakes(self):
        self.assert_clear(self.daemon.client("top", "--sort", "size"), 64, "gap-rate")
        self.assert_clear(self.daemon.client("top", "--labels", "=", "--once"), 64, "labels")

    def test_a_terminal_is_drawn_resized_and_left_as_it_was(self):
        if shutil.which("tmux") is None:
            self.skipTest("no tmux")
        self.start_streams()
        folder = tempfile.mkdtemp(prefix="melstream-tmux-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8")
        environment.pop("TMUX", None)

        def tmux(*arguments):
            return subprocess.run(["tmux", "-S", os.path.join(folder, "s"), "-f", "/dev/null", *arguments],
                                  capture_output=True, text=True, check=False, env=environment,
                                  timeout=harness.DEADLINE_S).stdout

        def screen():
            return tmux("capture-pane", "-p", "-t", "top")

        tmux("new-session", "-d", "-s", "top", "-x", "150", "-y", "20", "sh")
        self.addCleanup(tmux, "kill-server")
        tmux("send-keys", "-t", "top", "echo before; %s top --server %s; echo after-$?" % (
            harness.program("melstream"), self.daemon.address), "Enter")
        harness.wait_until(lambda: "load-" in screen() and "q quit" in screen(), "the first picture")
        shown = screen()
        self.assertIn("tick busy", shown)
        self.assertNotIn("before", shown)
        # Rates are there after a second look.
        harness.wait_until(lambda: "tick busy -" not in screen(), "the rates")
        tmux("send-keys", "-t", "top", "Tab")
        harness.wait_until(lambda: "PEER" in screen(), "the readers")
        tmux("send-keys", "-t", "top", "Tab", "v")
        harness.wait_until(lambda: "(level)" in screen(), "the order")
        tmux("send-keys", "-t", "top", "/")
        harness.wait_until(lambda: "labels:" in screen(), "the line to type in")
        tmux("send-keys", "-t", "top", "-l", "load=nobody")
        tmux("send-keys", "-t", "top", "Enter")
        harness.wait_until(lambda: "no stream has these labels" in screen(), "the choice")
        tmux("resize-window", "-t", "top", "-x", "60", "-y", "10")
        harness.wait_until(lambda: len(screen().rstrip("\n").split("\n")) <= 10 and "q quit" in screen(), "the new size")
        self.assertTrue(all(len(line) <= 60 for line in screen().split("\n")))
        tmux("send-keys", "-t", "top", "q")
        harness.wait_until(lambda: "after-0" in screen(), "the end")
        self.assertIn("before", screen())
        self.assertNotIn("tick busy", screen())
