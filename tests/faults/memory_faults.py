"""What clients do with the daemon's memory: it stays within its limit, and says no with a reason."""
import json
import queue
import threading
import time

import grpc

import harness
import http2
from fault import Measured, PeakRss, expect, fault, messages, peak_rss_bytes, rss_bytes, serves, tcp_port
from test_observability import Http

LIMIT = 100 * 2 ** 20
QUEUED = 8 * 2 ** 20
N_STREAMS = 24
N_READERS = 12
FRONT_ENDS = ["whisper-80", "whisper-128", "kaldi-80", "wenet-80", "funasr-80", "nemo-80", "nemo-128", "librosa-80"]
CONFIG = """
[stream]
max_streams = 64
local_audio_history_s = 0
[memory]
limit_bytes = %d
queued_bytes = %d
""" % (LIMIT, QUEUED)


class Publisher:
    """One live stream of noise, sent in real time by a call of its own."""

    def __init__(self, channel, stream, seconds):
        audio, _, _ = messages()
        self.stream = stream
        self.requests = queue.Queue()
        config = audio.StreamAudioRequest(config=audio.AudioConfig(
            stream=stream, encoding=audio.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=harness.RATE, audio_channel_count=1))
        self.chunk = audio.StreamAudioRequest(audio=audio.AudioChunk(content=bytes(range(256)) * 25))  # 200 ms
        self.requests.put(config)
        call = channel.stream_stream("/melstream.v1.AudioService/StreamAudio",
                                     request_serializer=audio.StreamAudioRequest.SerializeToString,
                                     response_deserializer=audio.StreamAudioResponse.FromString)
        self.call = call(iter(self.requests.get, None), timeout=seconds)

    def open(self):
        """None, or why it was refused."""
        try:
            next(self.call)
            return None
        except grpc.RpcError as error:
            return error.details()

    def speak(self):
        self.requests.put(self.chunk)

    def close(self):
        self.requests.put(None)
        self.call.cancel()


class StoppedReader:
    """A subscription that is opened and then never read. Half of them to all streams at once."""

    def __init__(self, channel, stream, front_end, seconds, cmvn=None):
        _, features, types = messages()
        config = features.SubscribeConfig(features=types.FeatureRequest(front_end=front_end, cmvn=cmvn))
        if stream is None:
            config.streams.all.SetInParent()
        else:
            config.stream = stream
        config.frame = 0
        self.requests = queue.Queue()
        self.requests.put(features.SubscribeRequest(config=config))
        call = channel.stream_stream("/melstream.v1.FeatureService/Subscribe",
                                     request_serializer=features.SubscribeRequest.SerializeToString,
                                     response_deserializer=features.SubscribeResponse.FromString)
        self.call = call(iter(self.requests.get, None), timeout=seconds)

    def refusal(self):
        """None while it is open."""
        return self.call.details() if self.call.done() else None

    def close(self):
        self.requests.put(None)
        self.call.cancel()


def crowd(daemon, address, seconds):
    """Many streams, each asked for all front ends by readers that never read; returns what refusals said."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(address, options) for _ in range(8)]
    everyone = []
    said = set()
    stop = time.monotonic() + seconds
    try:
        publishers = []
        for i in range(N_STREAMS):
            publisher = Publisher(channels[i % len(channels)], "crowd-%d" % i, seconds + 60)
            refusal = publisher.open()
            said.add(refusal)
            everyone.append(publisher)
            if refusal is None:
                publishers.append(publisher)
        at = 0
        while time.monotonic() < stop:
            for publisher in publishers:
                publisher.speak()
            for _ in range(20):
                stream = publishers[at % len(publishers)].stream if at % 5 else None
                reader = StoppedReader(channels[at % len(channels)], stream, FRONT_ENDS[at // 7 % len(FRONT_ENDS)],
                                       seconds + 60)
                everyone.append(reader)
                at += 1
            # Clients come and go: each tenth leaves, and others take its place.
            for reader in everyone[N_STREAMS::10]:
                if isinstance(reader, StoppedReader) and reader.refusal() is None and at % 3 == 0:
                    reader.close()
            time.sleep(0.2)
        said.update(one.refusal() for one in everyone if isinstance(one, StoppedReader))
        return said, len(everyone)
    finally:
        for one in everyone:
            one.close()
        for channel in channels:
            channel.close()


@fault()
def crowd_of_stopped_readers():
    """Hundreds of subscriptions to 8 front ends of 24 live streams, none of which is read, `memory.limit_bytes` 100 MiB:
    the daemon's resident memory at its highest"""
    daemon = harness.Daemon(CONFIG + '[metrics]\nlisten = "127.0.0.1:0"\n')
    try:
        start = rss_bytes(daemon.process.pid)
        said, n_clients = crowd(daemon, daemon.address, 10)
        peak = peak_rss_bytes(daemon.process.pid)
        info = json.loads(daemon.client("info", "--json").stdout)
        refusals = [text for text in said if text]
        expect(any("memory.limit_bytes" in text for text in refusals), "nobody was refused by name: %s" % refusals)
        expect(info["memory_bytes"] <= LIMIT, "%d bytes are counted" % info["memory_bytes"])
        metrics = Http(daemon)
        expect(metrics.value("melstream_overload_refused_total") > 0, "no metric counts the refusals")
        expect(metrics.value("melstream_client_memory_limit_bytes") == LIMIT, "the metric tells another limit")
        harness.wait_until(lambda: json.loads(daemon.client("info", "--json").stdout)["overload_state"] == 0,
                           "the end of the overload")
        expect(daemon.client("push", harness.audio("espeak"), "--stream", "after", "--pace", "fast").returncode == 0,
               "no stream can be opened afterwards")
        return Measured(peak / 2 ** 20, (start + LIMIT * 1.1) / 2 ** 20, "MiB RSS", 1)
    finally:
        daemon.close()


@fault()
def storm_of_front_ends():
    """A client that asks for 400 front ends of its own making (CMVN) one after another and leaves each at once, of two
    streams, `memory.limit_bytes` 100 MiB: resident memory at its highest"""
    _, features, types = messages()
    daemon = harness.Daemon(CONFIG)
    channel = grpc.insecure_channel(daemon.address)
    publishers = [Publisher(channel, "storm-%d" % i, 120) for i in range(2)]
    try:
        start = rss_bytes(daemon.process.pid)
        for publisher in publishers:
            expect(publisher.open() is None, "the stream was refused")
        said = set()
        for i in range(400):
            reader = StoppedReader(channel, "storm-%d" % (i % 2), "kaldi-80", 120,
                                   types.Cmvn(shift=[float(i)] * 80, scale=[1.0] * 80))
            try:
                next(reader.call)
            except grpc.RpcError as error:
                said.add((error.code(), error.details()))
            reader.close()
            publishers[i % 2].speak()
        expect(all(code == grpc.StatusCode.RESOURCE_EXHAUSTED for code, _ in said), "refused with %s" % said)
        expect(serves(daemon) < 10, "the daemon does not answer")
        peak = peak_rss_bytes(daemon.process.pid)
        return Measured(peak / 2 ** 20, (start + LIMIT * 1.1) / 2 ** 20, "MiB RSS", 1)
    finally:
        for publisher in publishers:
            publisher.close()
        channel.close()
        daemon.close()


@fault()
def windows_that_nobody_takes():
    """3,000 calls of GetWindow for 1.5 MB each in 30 connections that take 64 kB each, `memory.queued_bytes` 16 MiB: resident
    memory; another client has its window meanwhile"""
    _, features, _ = messages()
    queued = 16 * 2 ** 20
    daemon = harness.Daemon("[memory]\nqueued_bytes = %d\n[stream]\naudio_history_s = 10\n" % queued, listen=["127.0.0.1:0"])
    channel = grpc.insecure_channel(daemon.address)
    publisher = Publisher(channel, "mic", 120)
    connections = []
    try:
        expect(publisher.open() is None, "the stream was refused")
        publisher.speak()
        request = features.GetWindowRequest(stream="mic", begin_sample=0, end_sample=16, pad_to_samples=480000)
        request.features.front_end = "whisper-128"
        peak = PeakRss(daemon.process.pid)
        for _ in range(30):
            connection = http2.Connection(("127.0.0.1", tcp_port(daemon)))
            connections.append(connection)
            for i in range(100):
                connection.call("/melstream.v1.FeatureService/GetWindow", http2.message(request.SerializeToString()),
                                stream=2 * i + 1)

        def is_answered():
            return daemon.client("window", "mic", "--start", "0", "--duration", "0.1", "--front-end", "whisper-80",
                                 "--out", daemon.folder + "/w.npy").returncode == 0
        harness.wait_until(is_answered, "a window for somebody who takes it")
        return Measured(peak.growth(), queued / 2 ** 20 + 64, "MiB more RSS", 1)
    finally:
        for connection in connections:
            connection.close()
        publisher.close()
        channel.close()
        daemon.close()
