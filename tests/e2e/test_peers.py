"""Audio from software that nobody here wrote: ffmpeg, GStreamer, socat, ncat, sipp, python3-websockets. Content is compared,
not only counted."""
import json
import os
import shutil
import subprocess
import unittest

import numpy

import harness
import network
import recording
import sip_answer

PCMU_CLIP = "espeak_8k_mulaw_decoded"  # 16-bit samples that mu-law holds without loss
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")

WEBSOCKET_SENDER = """
import asyncio, json, sys, websockets
async def main(uri, path, stream):
    samples = open(path, "rb").read()
    async with websockets.connect(uri, max_size=None) as socket:
        await socket.send(json.dumps({"stream": stream, "rate": 16000, "encoding": "s16le", "channels": 1}))
        for at in range(0, len(samples), 1001):
            await socket.send(samples[at:at + 1001])
            await asyncio.sleep(0.02)
        await socket.close()
asyncio.run(main(*sys.argv[1:]))
"""

def needs(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return unittest.skipIf(missing, "not installed (scripts/install-deps --peers): " + ", ".join(missing))


class PeersTest(harness.DaemonTest):
    config = '[features]\nalways = ["whisper-80", "kaldi-80"]\n'

    def open(self, uri, stream):
        result = self.daemon.client("open", uri, "--stream", stream)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.addCleanup(self.daemon.client, "close", stream)

    def record(self, stream, front_end="whisper-80"):
        one = recording.Recording(self.daemon, stream, front_end)
        self.addCleanup(one.close)
        return one

    def assert_golden(self, features, preset="whisper80_raw", clip="espeak"):
        report = harness.compare_with_golden(preset, clip, features)
        self.assertTrue(report["pass"], report)

    def assert_equals_file(self, features, clip, front_end):
        """To the bit: the same samples went through the same resampler."""
        _, expected = self.daemon.extract(harness.audio(clip), front_end)
        numpy.testing.assert_array_equal(features, expected)


class TcpPeers(PeersTest):
    def check(self, stream, command):
        port = network.free_port()
        self.open("tcp://127.0.0.1:%d" % port, stream)
        one = self.record(stream)
        recording.run([part.replace("PORT", str(port)) for part in command])
        self.assert_golden(one.finish().features())

    @needs("ffmpeg")
    def test_ffmpeg(self):
        self.check("ffmpeg-tcp", ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", harness.audio("espeak"), "-f", "s16le",
                                  "-ar", "16000", "-ac", "1", "tcp://127.0.0.1:PORT"])

    @needs("gst-launch-1.0")
    def test_gstreamer(self):
        self.check("gst-tcp", ["gst-launch-1.0", "-q", "filesrc", "location=" + harness.audio("espeak"), "!", "wavparse", "!",
                               "audioconvert", "!", "audio/x-raw,format=S16LE,rate=16000,channels=1", "!", "identity",
                               "sync=true", "!", "tcpclientsink", "host=127.0.0.1", "port=PORT"])

    @needs("sox", "pv", "socat")
    def test_sox_pv_socat(self):
        self.check("socat-tcp", ["sh", "-c", "sox %s -t raw -e signed -b 16 - | pv -q -L 32000 | socat -u - TCP:127.0.0.1:PORT"
                                 % harness.audio("espeak")])

    @needs("sox", "pv", "ncat")
    def test_ncat(self):
        self.check("ncat-tcp", ["sh", "-c", "sox %s -t raw -e signed -b 16 - | pv -q -L 32000 | ncat --send-only 127.0.0.1 PORT"
                                % harness.audio("espeak")])

    @needs("ffmpeg")
    def test_header_names_the_stream(self):
        port = network.free_port()
        self.open("tcp://127.0.0.1:%d?header=required&stream={id}-{n}" % port, "headed")
        one = self.record("named", "kaldi-80")
        header = '{"stream": "named", "rate": 8000, "encoding": "s16le", "channels": 1}'
        recording.run(["sh", "-c", "(echo '%s'; ffmpeg -nostdin -v error -re -i %s -f s16le -) | socat -u - TCP:127.0.0.1:%d"
                       % (header, harness.audio(PCMU_CLIP), port)])
        self.assert_equals_file(one.finish().features(), PCMU_CLIP, "kaldi-80")


class UdpPeers(PeersTest):
    def check(self, stream, command):
        port = network.free_udp_port()
        self.open("udp://127.0.0.1:%d?idle_timeout_s=1" % port, stream)
        one = self.record(stream)
        recording.run([part.replace("PORT", str(port)) for part in command])
        self.assert_golden(one.finish().features())

    @needs("ffmpeg")
    def test_ffmpeg(self):
        self.check("ffmpeg-udp", ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", harness.audio("espeak"), "-f", "s16le", "-ar",
                                  "16000", "-ac", "1", "udp://127.0.0.1:PORT?pkt_size=640"])

    @needs("sox", "pv", "socat")
    def test_socat(self):
        self.check("socat-udp", ["sh", "-c", "sox %s -t raw -e signed -b 16 - | pv -q -L 32000 | "
                                 "socat -u -b640 - UDP-SENDTO:127.0.0.1:PORT" % harness.audio("espeak")])


class RtpPeers(PeersTest):
    def stream_of(self, stream, parameters, command):
        port = network.free_udp_port()
        self.open("rtp://127.0.0.1:%d?idle_timeout_s=1%s" % (port, parameters), stream)
        one = self.record(stream, "kaldi-80")
        recording.run([part.replace("PORT", str(port)) for part in command])
        return one.finish().features()

    @needs("ffmpeg")
    def test_ffmpeg_l16(self):
        features = self.stream_of("ffmpeg-l16", "&pt=96:L16/16000/1", [
            "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", harness.audio("espeak"), "-c:a", "pcm_s16be", "-ar", "16000", "-ac",
            "1", "-payload_type", "96", "-f", "rtp", "rtp://127.0.0.1:PORT?pkt_size=652"])
        self.assert_golden(features, "kaldi80")

    def assert_equals_what_came(self, features, stream, clip):
        """To the bit: GStreamer may not send a last packet that is not whole."""
        listed = json.loads(self.daemon.client("sources", "--json").stdout)
        n = next(one for one in listed if one["id"] == stream)["counters"]["samples_accepted"]
        samples, rate = harness.wav_samples(harness.audio(clip))
        self.assertGreater(n, len(samples) - rate // 20)
        path = harness.wav(os.path.join(self.daemon.folder, "came.wav"), samples[:n], rate)
        _, expected = self.daemon.extract(path, "kaldi-80")
        numpy.testing.assert_array_equal(features, expected)

    @needs("gst-launch-1.0")
    def test_gstreamer_l16(self):
        features = self.stream_of("gst-l16", "&pt=96:L16/16000/1", [
            "gst-launch-1.0", "-q", "filesrc", "location=" + harness.audio("espeak"), "!", "wavparse", "!", "audioconvert", "!",
            "audio/x-raw,format=S16BE,rate=16000,channels=1", "!", "rtpL16pay", "pt=96", "min-ptime=20000000",
            "max-ptime=20000000", "!", "udpsink", "host=127.0.0.1", "port=PORT", "sync=true"])
        self.assert_equals_what_came(features, "gst-l16", "espeak")

    @needs("ffmpeg")
    def test_ffmpeg_pcmu(self):
        features = self.stream_of("ffmpeg-pcmu", "", [
            "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", harness.audio(PCMU_CLIP), "-c:a", "pcm_mulaw", "-ar", "8000", "-ac",
            "1", "-f", "rtp", "rtp://127.0.0.1:PORT?pkt_size=172"])
        self.assert_equals_file(features, PCMU_CLIP, "kaldi-80")

    @needs("gst-launch-1.0")
    def test_gstreamer_pcmu(self):
        features = self.stream_of("gst-pcmu", "", [
            "gst-launch-1.0", "-q", "filesrc", "location=" + harness.audio(PCMU_CLIP), "!", "wavparse", "!", "audioconvert", "!",
            "mulawenc", "!", "rtppcmupay", "min-ptime=20000000", "max-ptime=20000000", "!", "udpsink", "host=127.0.0.1",
            "port=PORT", "sync=true"])
        self.assert_equals_what_came(features, "gst-pcmu", PCMU_CLIP)

    @needs("ffmpeg")
    def test_ffmpeg_pcma(self):
        features = self.stream_of("ffmpeg-pcma", "", [
            "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", harness.audio(PCMU_CLIP), "-c:a", "pcm_alaw", "-ar", "8000", "-ac",
            "1", "-f", "rtp", "rtp://127.0.0.1:PORT?pkt_size=172"])
        coded = os.path.join(self.daemon.folder, "alaw.wav")
        recording.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", harness.audio(PCMU_CLIP), "-c:a", "pcm_alaw", coded])
        _, expected = self.daemon.extract(coded, "kaldi-80")
        numpy.testing.assert_array_equal(features, expected)

    @needs("sipp", "sox")
    def test_sipp(self):
        port = network.free_udp_port()
        folder = self.daemon.folder
        raw = os.path.join(folder, "call.ulaw")
        recording.run(["sox", "-D", harness.audio(PCMU_CLIP), "-t", "ul", raw])
        self.open("rtp://127.0.0.1:%d?idle_timeout_s=1&stream=call-{ssrc}&demux=ssrc" % port, "calls")
        sip_answer.call_with_sipp(self, raw, port)
        ids = harness.wait_until(lambda: [name for name in self.daemon.streams() if name.startswith("call-")], "a call's stream")
        one = self.record(ids[0], "kaldi-80")
        features = one.finish().segments[0].features()
        _, expected = self.daemon.extract(harness.audio(PCMU_CLIP), "kaldi-80")
        # sipp sends whole packets of 20 ms, and repeats nothing.
        n = min(len(features), len(expected)) - 8
        self.assertGreater(n, len(expected) - 16)
        numpy.testing.assert_array_equal(features[:n], expected[:n])


class WebSocketPeers(PeersTest):
    def test_python_websockets(self):
        if subprocess.run([PYTHON, "-c", "import websockets"], capture_output=True, check=False).returncode != 0:
            self.skipTest("python3-websockets is not installed (scripts/install-deps --peers)")
        port = network.free_port()
        raw = os.path.join(self.daemon.folder, "espeak.raw")
        with open(raw, "wb") as file:
            file.write(harness.pcm16("espeak"))
        self.open("ws://127.0.0.1:%d/audio" % port, "ws")
        one = self.record("browser")
        recording.run([PYTHON, "-c", WEBSOCKET_SENDER, "ws://127.0.0.1:%d/audio" % port, raw, "browser"])
        self.assert_golden(one.finish().features())

