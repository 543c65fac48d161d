"""melstream privacy against a real daemon."""
import json
import os
import unittest

import harness


class Privacy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon(config="[stream]\naudio_history_s = 5\n")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def look(self, *arguments):
        result = self.daemon.client("privacy", "--json", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_live_stream_its_readers_and_its_end(self):
        push = self.daemon.start_client("push", harness.audio("jfk"), "--stream", "desk")
        self.addCleanup(push.wait)
        self.addCleanup(push.kill)
        reader = self.daemon.start_client("subscribe", "desk", "--front-end", "whisper-80", "--wait", "--json",
                                          "--no-values")
        self.addCleanup(reader.communicate)
        self.addCleanup(reader.kill)

        def live():
            result = self.daemon.client("privacy", "--stream", "desk", "--json")
            found = json.loads(result.stdout) if result.returncode == 0 else {"readers": []}
            return found if found["readers"] and found["streams"][0]["history_samples"] > 0 else None

        found = harness.wait_until(live, "a reader")
        stream = found["streams"][0]
        self.assertEqual(stream["state"], "live")
        self.assertGreater(stream["ring_samples"], 0)
        self.assertLessEqual(stream["ring_samples"], stream["ring_limit_samples"])
        self.assertGreaterEqual(stream["history_limit_samples"], 5 * harness.RATE)
        self.assertEqual(stream["subscriber_count"], 1)
        self.assertEqual(found["readers"][0]["streams"], "desk")
        self.assertEqual(found["readers"][0]["front_end"], "whisper-80")
        people = self.daemon.client("privacy")
        self.assertEqual(people.returncode, 0, people.stderr)
        self.assertIn("still contain the words", people.stdout)
        self.assertIn("reads whisper-80 of desk", people.stdout)
        push.terminate()
        push.communicate()

        def ended():
            streams = self.look("--stream", "desk")["streams"]
            return streams if streams[0]["state"] == "ended" else None

        stream = harness.wait_until(ended, "the stream's end")[0]
        self.assertEqual(stream["ring_samples"], 0)
        self.assertEqual(stream["history_samples"], 0)
        self.assertLessEqual(stream["forgotten_in_seconds"], stream["features_seconds"])
        self.assertIn("wiped", self.daemon.client("privacy", "--stream", "desk").stdout)

    def test_memory_is_hidden(self):
        found = self.look()
        self.assertFalse(found["dumpable"])
        self.assertGreater(found["mapped_bytes"], 0)
        self.assertEqual(found["undumped_bytes"], found["mapped_bytes"])
        if os.geteuid() == 0:
            self.assertEqual(found["locked_bytes"], found["mapped_bytes"])

    def test_unknown_stream(self):
        result = self.daemon.client("privacy", "--stream", "none")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("nothing of it is held", result.stderr)
