"""The live page in headless Chromium: what one hears, sees and is told. The fake microphone plays a golden clip."""
import base64
import json
import os
import re
import socket
import threading
import unittest

import numpy

import browser
import harness
from harness import wait_until

KEPT = "return JSON.stringify((({audio, rows}) => ({audio: audio.length, rows: rows.length}))(window.melstreamKept))"
# Float32 numbers by way of base64: JSON would take minutes.
BYTES_OF = """
const parts = window.melstreamKept[arguments[0]].map((one) => one[arguments[1]]);
const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
let at = 0;
for (const part of parts) { all.set(part, at); at += part.length; }
let text = "";
const bytes = new Uint8Array(all.buffer);
for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
return btoa(text);
"""


# Of the canvas: how many colours, and in how many of its columns the bright stripes of a gap are.
LOOK = """
const canvas = document.querySelectorAll(".picture canvas")[arguments[0]];
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
const colours = new Set(), striped = new Set();
for (let i = 0; i < data.length; i += 4) {
  colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  if (data[i] === 255 && data[i + 1] === 176 && data[i + 2] === 46) striped.add((i / 4) % canvas.width);
}
return { colours: colours.size, striped: striped.size };
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Relay:
    """In front of the page, on the same port of another loopback address; it can be cut, as a network is. A page that is
    opened as localhost does not see the difference."""

    def __init__(self, host, target_host, port):
        self.target = (target_host, port)
        self.listener = socket.create_server((host, port))
        self.pairs = []
        self.cut = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                peer.close()
                continue
            other = socket.create_connection(self.target)
            self.pairs.append((peer, other))
            for one, two in ((peer, other), (other, peer)):
                threading.Thread(target=self.pump, args=(one, two), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def set_cut(self, cut):
        self.cut = cut
        if cut:
            for pair in self.pairs:
                for one in pair:
                    try:
                        one.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs.clear()

    def close(self):
        self.set_cut(True)
        self.listener.close()


@unittest.skipIf(browser.why_not(), browser.why_not())
class BrowserTest(unittest.TestCase):
    """Each test has a daemon and a browser of its own."""

    def start(self, clip=None, address="127.0.0.1:%d", **options):
        """On a port that stays the same when the daemon is started again."""
        self.port = free_port()
        self.daemon = harness.Daemon('[page]\nlisten = "%s"\n' % (address % self.port))
        self.addCleanup(self.daemon.close)
        self.url = "http://127.0.0.1:%d/" % self.port
        microphone = browser.microphone_file(self.daemon.folder, clip) if clip else None
        self.browser = browser.Browser(microphone, **options)
        self.addCleanup(self.browser.close)

    def open_file(self, clip, stream):
        result = self.daemon.client("open", "file:%s?loop=true" % harness.audio(clip), "--stream", stream)
        self.assertEqual(result.returncode, 0, result.stderr)

    def look(self, panel):
        return self.browser.run(LOOK, panel)

    def wait_for_text(self, selector, pattern):
        return wait_until(lambda: re.search(pattern, self.browser.text(selector)), "%r in %s" % (pattern, selector))

    def kept(self, what, member):
        return numpy.frombuffer(base64.b64decode(self.browser.run(BYTES_OF, what, member)), "<f4")

    def assert_no_faults(self):
        self.assertEqual(self.browser.faults(), [])


class MicrophoneTest(BrowserTest):
    def test_features_that_come_back_are_those_of_what_was_captured(self):
        self.start("espeak")
        self.browser.open(self.url + "?keep")
        self.wait_for_text("#connection", "^Connected$")
        self.browser.click("#microphone-button")
        rate = 44100
        wait_until(lambda: json.loads(self.browser.run(KEPT))["audio"] * 1024 >= 4 * rate, "four seconds of audio")
        wait_until(lambda: json.loads(self.browser.run(KEPT))["rows"] > 0, "rows")
        self.wait_for_text("#round-trip", r"^\d+ ms$")
        self.browser.click("#microphone-button")
        self.wait_for_text(".panel .state", "Ended: completed")
        self.assertEqual(self.browser.text("#mic-lost"), "0.0 s")
        audio, rows = self.kept("audio", "samples"), self.kept("rows", "values").reshape(-1, 80)
        self.assertGreater(numpy.sqrt(numpy.mean(audio ** 2)), 0.01, "the fake microphone was silent")
        path = harness.wav_float(os.path.join(self.daemon.folder, "captured.wav"), audio, rate)
        _, extracted = self.daemon.extract(path, "whisper-80")
        report = harness.golden_check.compare(extracted, rows, harness.golden_entry("whisper80_raw", "espeak")["tolerance"])
        self.assertTrue(report["pass"], report)
        trip = int(self.browser.text("#round-trip").split()[0])
        self.assertLess(trip, 1000)
        self.assert_no_faults()

    @unittest.skipUnless(harness.full, "only with --full")
    def test_a_lost_connection_is_a_gap_and_mends_itself(self):
        self.start("jfk", address="127.0.0.2:%d")
        relay = Relay("127.0.0.1", "127.0.0.2", self.port)
        self.addCleanup(relay.close)
        self.browser.open("http://localhost:%d/" % self.port)
        self.wait_for_text("#connection", "^Connected$")
        self.browser.click("#microphone-button")
        self.wait_for_text("#sent", "[1-9]")
        before = self.daemon.streams()["browser"]
        relay.set_cut(True)
        self.wait_for_text("#connection", "trying again")
        self.wait_for_text("#microphone-text", "will be a gap")
        relay.set_cut(False)
        self.wait_for_text("#microphone-text", "stream “browser”")
        self.wait_for_text(".panel .state", r"1 gap, the last: \d\.\d\d s, net loss$")
        after = self.daemon.streams()["browser"]
        self.assertEqual(after["epoch"], before["epoch"])
        self.assertGreater(int(after["gap_samples"]), 0)
        wait_until(lambda: self.look(0)["striped"] >= 4, "stripes")

    @unittest.skipUnless(harness.full, "only with --full")
    def test_a_daemon_that_goes_and_comes_again(self):
        self.start("jfk")
        self.browser.open(self.url)
        self.wait_for_text("#connection", "^Connected$")
        self.browser.click("#microphone-button")
        self.wait_for_text("#sent", r"^[1-9]\.\d s$|^0\.[1-9] s$")
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.wait_for_text("#connection", "trying again")
        self.wait_for_text("#microphone-text", "will be a gap")
        self.daemon.start()
        self.wait_for_text("#connection", "^Connected$")
        self.wait_for_text("#microphone-text", "stream “browser”")
        self.wait_for_text(".panel .state", "opened anew")
        self.wait_for_text("#mic-lost", r"[1-9]")
        wait_until(lambda: self.daemon.streams().get("browser", {}).get("timeline_samples", 0) != 0, "audio again")

    @unittest.skipUnless(harness.full, "only with --full")
    def test_refusals_say_what_to_do(self):
        self.start("espeak", permitted=False)
        self.browser.open(self.url)
        self.wait_for_text("#connection", "^Connected$")
        self.browser.click("#microphone-button")
        self.wait_for_text("#microphone-text", "was refused. Allow it")
        self.assertEqual(self.daemon.streams(), {})
        self.assertEqual(self.browser.text("#microphone-button"), "Use this microphone")

    @unittest.skipUnless(harness.full, "only with --full")
    def test_without_a_device_it_says_so(self):
        self.start()
        self.browser.open(self.url)
        self.wait_for_text("#connection", "^Connected$")
        self.browser.click("#microphone-button")
        self.wait_for_text("#microphone-text", "finds no microphone. Plug one in")


class SpectrogramTest(BrowserTest):
    def test_four_streams_are_drawn_and_read_by_keyboard(self):
        self.start(size=(1280, 1100))
        for stream in ("a", "b", "c", "d"):
            self.open_file("espeak", stream)
        self.browser.open(self.url)
        for stream in ("a", "b", "c", "d"):
            self.browser.wait_for("const button = document.querySelector(`#streams button[aria-label=\"Show ${arguments[0]}\"]`);"
                                  "if (button) button.click();"
                                  "return document.querySelector(`#streams button[aria-label=\"${arguments[0]} is shown\"]`)",
                                  "a panel of " + stream, stream)
        self.assertEqual(self.browser.run("return document.querySelectorAll('.panel').length"), 4)
        self.wait_for_text(".panel .state", "No gaps")
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys
        pictures = self.browser.driver.find_elements(By.CSS_SELECTOR, ".picture")
        for index in range(4):
            wait_until(lambda: self.look(index)["colours"] > 100, "a picture")
        pictures[0].send_keys(Keys.ARROW_RIGHT)
        for _ in range(6):
            pictures[0].send_keys(Keys.SHIFT + Keys.ARROW_RIGHT)
        self.wait_for_text(".read", r"−\d\.\d\d s · \d+ Hz · ")
        pictures[0].send_keys(Keys.SPACE)
        self.assertEqual(self.browser.run("return document.querySelector('.pause').getAttribute('aria-pressed')"), "true")
        drawn = "return document.querySelector('.picture canvas').toDataURL()"
        paused = self.browser.run(drawn)
        length = self.browser.text("#streams tr td:nth-of-type(4)")
        wait_until(lambda: self.browser.text("#streams tr td:nth-of-type(4)") != length, "the stream to go on")
        self.assertEqual(self.browser.run(drawn), paused)
        pictures[0].send_keys(Keys.SPACE)
        wait_until(lambda: self.browser.run(drawn) != paused, "the picture to go on")
        self.assert_no_faults()

    def test_front_ends_smoothing_and_colours_can_be_chosen(self):
        self.start()
        self.open_file("espeak", "a")
        self.browser.open(self.url)
        choose = ("const element = document.querySelector(arguments[0]); element.value = arguments[1];"
                  "element.dispatchEvent(new Event('change'))")
        self.wait_for_text(".panel .state", "No gaps")
        for front_end, axis in (("kaldi-80", "4k"), ("nemo-128", "4k"), ("mfcc-13", "7"), ("paraformer-560", "280"), ("librosa-80", "4k")):
            self.browser.run(choose, ".front-end", front_end)
            self.wait_for_text(".hz", axis)
            self.wait_for_text(".panel .state", "No gaps")
        self.browser.run(choose, ".front-end", "whisper-80")
        self.browser.run(choose, ".smoothing", "box3x3-valid")
        self.browser.wait_for("return document.querySelector('.picture canvas').height === 78", "78 values")
        self.browser.run(choose, "#palette", "viridis")
        self.browser.driver.refresh()
        self.browser.wait_for("return document.querySelector('.smoothing')?.value === 'box3x3-valid' &&"
                              "document.querySelector('#palette').value === 'viridis'", "the choice after a reload")
        self.assert_no_faults()

    @unittest.skipUnless(harness.full, "only with --full")
    def test_gaps_are_drawn_as_stripes(self):
        self.start(size=(1280, 900))
        self.browser.open(self.url)
        push = self.daemon.start_client("push", "-", "--stream", "holes", "--rate", "16000", "--encoding", "s16le", "--channels",
                                        "1", "--pace", "fast", stdin=-1)
        self.addCleanup(lambda: (push.kill(), push.communicate()))
        push.stdin.write(harness.pcm16("espeak")[:64000])
        push.stdin.flush()
        self.wait_for_text("#streams", "holes")
        self.wait_for_text(".panel .state", "No gaps")
        # Another life of the stream: never joined to the first without a sign.
        push.kill()
        push.communicate()
        self.wait_for_text(".panel .state", "Ended: source lost")
        again = self.daemon.client("push", harness.audio("espeak"), "--stream", "holes", "--pace", "realtime")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.wait_for_text(".panel .state", "opened anew|Ended")
        wait_until(lambda: self.look(0)["striped"] >= 4, "stripes")

    @unittest.skipUnless(harness.full, "only with --full")
    def test_it_can_be_saved(self):
        self.start()
        self.open_file("espeak", "a")
        self.browser.open(self.url)
        self.wait_for_text(".panel .state", "No gaps")
        self.browser.run("window.saved = undefined; HTMLAnchorElement.prototype.click = function () {"
                         "  fetch(this.href).catch(() => {}); window.saved = this.download; }")
        self.browser.click(".save")
        self.browser.wait_for("return window.saved === 'a-whisper-80.png'", "the file's name")


if __name__ == "__main__":
    unittest.main()
