"""A microphone, captured through PortAudio, ALSA and PulseAudio: exact, on demand, and back after the sound server died."""
import json
import os
import shutil
import tempfile
import unittest

import numpy

import harness
import pulse
import recording

# A short piece of speech: aligning it costs one extraction a sample of a hop.
N_SAMPLES = 16000


@unittest.skipIf(pulse.missing(), "not installed (scripts/install-deps --peers): " + ", ".join(pulse.missing()))
class Microphone(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="melstream-pulse-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.server = pulse.PulseServer(self.folder)
        self.addCleanup(self.server.close)
        environment = self.server.environment()
        self.daemon = harness.Daemon('[[source]]\nid = "desk"\nuri = "mic:pulse?rate=16000&channels=1"\nlabels = { room = "3" }\n',
                                     environment=environment)
        self.addCleanup(self.daemon.close)
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2")[4000:4000 + N_SAMPLES]
        self.samples = samples
        self.wav = harness.wav(os.path.join(self.folder, "speech.wav"), samples)

    def source(self):
        listed = json.loads(self.daemon.client("sources", "--json").stdout)
        return listed[0]

    def record(self):
        one = recording.Recording(self.daemon, "desk", "kaldi-80")
        self.addCleanup(one.close)
        return one

    def play(self):
        """Into a capture that has begun, with silence before the speech."""
        before = self.daemon.streams()["desk"]["timeline_samples"]
        harness.wait_until(lambda: self.daemon.streams()["desk"]["timeline_samples"] > before + 1600, "captured silence")
        player = self.server.play(self.wav)
        self.assertEqual(player.wait(harness.DEADLINE_S), 0)

    def assert_holds_speech(self, features):
        """Somewhere in it, at some place within a hop, are exactly the features of the speech."""
        silence = features[0]
        sounding = numpy.flatnonzero((features != silence).any(axis=1))
        self.assertGreater(len(sounding), 50, "nothing was captured")
        n = min(80, len(sounding) - 10)
        for shift in range(160):
            padded = numpy.concatenate([numpy.zeros(1600 + shift, "<i2"), self.samples])
            _, expected = self.daemon.extract(harness.wav(os.path.join(self.folder, "shift.wav"), padded), "kaldi-80")
            begin = int(numpy.flatnonzero((expected != expected[0]).any(axis=1))[0])
            if numpy.array_equal(features[sounding[0]:sounding[0] + n], expected[begin:begin + n]):
                return
        self.fail("what was captured is not what was played")

    def test_captures_exactly_while_somebody_subscribes(self):
        harness.wait_until(lambda: self.source()["state"] == "idle", "the device's discovery")
        one = self.record()
        harness.wait_until(lambda: self.source()["state"] == "live", "the device's opening")
        self.play()
        harness.wait_until(lambda: self.daemon.streams()["desk"]["timeline_samples"] > 2 * N_SAMPLES, "the captured audio")
        result = self.daemon.client("close", "desk")
        self.assertEqual(result.returncode, 0, result.stderr)
        one.finish()
        self.assertEqual(one.end["reason"], "COMPLETED")
        self.assertEqual(one.holes, [])
        self.assert_holds_speech(one.features())

    def test_goes_on_after_the_sound_server_died(self):
        one = self.record()
        harness.wait_until(lambda: self.source()["state"] == "live", "the device's opening")
        harness.wait_until(lambda: self.daemon.streams()["desk"]["timeline_samples"] > 8000, "captured audio")
        self.server.kill()
        harness.wait_until(lambda: self.source()["state"] == "waiting", "the loss")
        self.server.start()
        harness.wait_until(lambda: self.source()["state"] == "live", "the device's return")
        self.play()
        self.daemon.client("close", "desk")
        one.finish()
        self.assertEqual({hole["reason"] for hole in one.holes}, {"DEVICE_LOST"})
        self.assertGreater(one.lost_source_samples(), 0)
        self.assert_holds_speech(one.segments[-1].features())
        # The daemon's own log, and nothing of ALSA's, PulseAudio's or PortAudio's.
        for line in self.daemon.log_text().splitlines():
            self.assertRegex(line, r"^20\d\d-")

    def test_devices_are_listed(self):
        result = self.daemon.client("devices", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("pulse", [device["name"] for device in json.loads(result.stdout)])


class NoMicrophone(harness.DaemonTest):
    config = '[[source]]\nid = "desk"\nuri = "mic:no such device"\ncapture = "always"\n'

    def test_no_device_is_a_state(self):
        def source():
            return json.loads(self.daemon.client("sources", "--json").stdout)[0]

        waiting = harness.wait_until(lambda: source() if "no such device" in source()["detail"] else None, "its state")
        self.assertEqual(waiting["state"], "waiting")
        # Who waits for its stream is told that there is none yet.
        result = self.daemon.client("subscribe", "desk", "--front-end", "kaldi-80")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no stream 'desk'", result.stderr)
