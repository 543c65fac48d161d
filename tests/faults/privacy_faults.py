"""Invariant I12: one second after a stream closed no copy of its audio is in the process."""
import asyncio
import concurrent.futures
import json
import os
import queue
import re
import socket
import struct
import time
import urllib.request

import grpc

import audio_in_memory
import harness
import network
from audio_in_memory import Marker
from fault import Measured, Unable, expect, fault, messages

SECONDS = 1.2
CONFIG = """
[stream]
audio_history_s = 5
[features]
always = ["whisper-80"]
[page]
listen = "127.0.0.1:0"
"""


def by_stream_audio(daemon, marker, rate=harness.RATE, chunk_s=0.1):
    audio, _, _ = messages()
    requests = queue.Queue()
    requests.put(audio.StreamAudioRequest(config=audio.AudioConfig(
        stream="marked", encoding=getattr(audio, "AUDIO_ENCODING_" + marker.encoding), sample_rate_hertz=rate,
        audio_channel_count=1)))
    content = marker.seconds(SECONDS, rate)
    step = int(len(content) * chunk_s / SECONDS) // 8 * 8
    with grpc.insecure_channel(daemon.address) as channel:
        call = channel.stream_stream("/melstream.v1.AudioService/StreamAudio",
                                     request_serializer=audio.StreamAudioRequest.SerializeToString,
                                     response_deserializer=audio.StreamAudioResponse.FromString)(iter(requests.get, None))
        next(call)
        for at in range(0, len(content), step):
            requests.put(audio.StreamAudioRequest(audio=audio.AudioChunk(content=content[at:at + step])))
            time.sleep(chunk_s)
        requests.put(None)
        for _ in call:
            pass


def by_batch(daemon, marker):
    audio, _, _ = messages()
    requests = queue.Queue()
    config = audio.AudioConfig(stream="marked", encoding=audio.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=harness.RATE,
                               audio_channel_count=1)
    requests.put(audio.StreamAudioBatchRequest(opens=[audio.BatchOpen(number=1, config=config)]))
    content = marker.seconds(SECONDS)
    step = 3200
    with grpc.insecure_channel(daemon.address) as channel:
        call = channel.stream_stream("/melstream.v1.AudioService/StreamAudioBatch",
                                     request_serializer=audio.StreamAudioBatchRequest.SerializeToString,
                                     response_deserializer=audio.StreamAudioBatchResponse.FromString)(iter(requests.get, None))
        for at in range(0, len(content), step):
            # Also one small chunk: those are kept inside the message.
            small, rest = content[at:at + 64], content[at + 64:at + step]
            requests.put(audio.StreamAudioBatchRequest(chunks=[audio.BatchChunk(number=1, content=small),
                                                               audio.BatchChunk(number=1, content=rest)]))
            time.sleep(0.1)
        requests.put(None)
        for _ in call:
            pass


def open_source(daemon, uri):
    result = daemon.client("open", uri, "--stream", "marked")
    expect(result.returncode == 0, result.stderr)


def by_tcp(daemon, marker):
    port = network.free_port()
    open_source(daemon, "tcp://127.0.0.1:%d" % port)
    content = marker.seconds(SECONDS)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for at in range(0, len(content), 3200):
            peer.sendall(content[at:at + 3200])
            time.sleep(0.1)


def send_datagrams(port, packets):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        pace = network.Pace(0.02)
        for packet in packets:
            peer.send(packet)
            pace.wait()


def by_udp(daemon, marker):
    port = network.free_udp_port()
    open_source(daemon, "udp://127.0.0.1:%d?idle_timeout_s=0.5" % port)
    content = marker.seconds(SECONDS)
    send_datagrams(port, [content[at:at + 640] for at in range(0, len(content), 640)])


def by_rtp(daemon, marker):
    port = network.free_udp_port()
    open_source(daemon, "rtp://127.0.0.1:%d?pt=96:L16/16000/1&idle_timeout_s=0.5" % port)
    content = marker.seconds(SECONDS, big_endian=True)
    send_datagrams(port, [network.rtp_packet(i, 320 * i, content[at:at + 640], 96)
                          for i, at in enumerate(range(0, len(content), 640))])


def by_websocket(daemon, marker):
    try:
        import websockets
    except ImportError as error:
        raise Unable("python3-websockets is not there") from error
    port = network.free_port()
    open_source(daemon, "ws://127.0.0.1:%d/audio" % port)
    content = marker.seconds(SECONDS)

    async def send():
        async with websockets.connect("ws://127.0.0.1:%d/audio" % port) as peer:
            await peer.send('{"rate": 16000, "encoding": "s16le"}')
            for at in range(0, len(content), 3200):
                await peer.send(content[at:at + 3200])
                await asyncio.sleep(0.1)
    asyncio.run(send())


def by_page(daemon, marker):
    """As the live page sends a browser's microphone."""
    try:
        import websockets
    except ImportError as error:
        raise Unable("python3-websockets is not there") from error
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", daemon.log_text()).group(1))
    with urllib.request.urlopen("http://127.0.0.1:%d/" % port) as page:
        token = re.search(r'token" content="([0-9a-f]+)"', page.read().decode()).group(1)
    content = marker.seconds(SECONDS)
    step = 4800

    async def send():
        async with websockets.connect("ws://127.0.0.1:%d/microphone?token=%s" % (port, token)) as peer:
            await peer.send(json.dumps({"start": {"rate": 16000, "key": "0" * 32}}))
            await peer.recv()
            for at in range(0, len(content), step):
                await peer.send(struct.pack("<q", at // 4) + content[at:at + step])
                await asyncio.sleep(step / 64000)
    asyncio.run(send())


def by_wav_file(daemon, marker):
    path = os.path.join(daemon.folder, "marked.wav")
    harness.wav(path, marker.samples * (int(SECONDS * harness.RATE) // len(marker.samples)))
    open_source(daemon, "file:" + path)


WAYS = [
    ("StreamAudio 16-bit", by_stream_audio, Marker()),
    ("StreamAudio float32", by_stream_audio, Marker("FLOAT32", 1)),
    ("StreamAudio 16-bit by 20 ms", lambda daemon, marker: by_stream_audio(daemon, marker, chunk_s=0.02), Marker("LINEAR16", 10)),
    ("StreamAudio mu-law by 20 ms", lambda daemon, marker: by_stream_audio(daemon, marker, 8000, 0.02), Marker("MULAW", 11)),
    ("StreamAudio 48 kHz", lambda daemon, marker: by_stream_audio(daemon, marker, 48000), Marker("LINEAR16", 2)),
    ("StreamAudio float32 at 44.1 kHz", lambda daemon, marker: by_stream_audio(daemon, marker, 44100), Marker("FLOAT32", 3)),
    ("StreamAudioBatch", by_batch, Marker("LINEAR16", 4)),
    ("TCP", by_tcp, Marker("LINEAR16", 5)),
    ("UDP", by_udp, Marker("LINEAR16", 6)),
    ("RTP", by_rtp, Marker("LINEAR16", 7)),
    ("WebSocket", by_websocket, Marker("LINEAR16", 8)),
    ("live page", by_page, Marker("FLOAT32", 12)),
    ("file", by_wav_file, Marker("LINEAR16", 9)),
]


def marked(daemon):
    """The stream; the live page gives its own id."""
    return next((stream for stream in daemon.streams().values() if stream["stream"] in ("marked", "browser")), None)


def is_over(daemon):
    stream = marked(daemon)
    return stream is not None and stream["state"] == "ended"


def read_window(daemon):
    """The exit status: a window reads the audio history, on an engine of its own."""
    stream = harness.wait_until(lambda: marked(daemon), "the stream's opening")["stream"]
    return daemon.client("window", stream, "--front-end", "whisper-80", "--start", "0.1", "--duration", "0.7", "--out",
                         os.path.join(daemon.folder, "window.npy")).returncode


@fault()
def audio_left_in_memory():
    """A second after streams by gRPC, in a batch and by RTP closed, ways in which any 64 bytes of their audio are left in
    the daemon's memory, in the source's encoding or as float32"""
    quick = ("StreamAudio 16-bit by 20 ms", "StreamAudioBatch", "RTP")
    return measure_left([way for way in WAYS if way[0] in quick])


@fault(full=True)
def audio_left_in_memory_by_any_way():
    """The same for thirteen ways: gRPC with 16-bit, float32, mu-law, chunks of 20 and 100 ms, rates that are resampled;
    a batch; TCP; UDP; RTP; WebSocket; the live page; a file"""
    return measure_left(WAYS)


def measure_left(ways):
    left = []
    for name, send, marker in ways:
        daemon = harness.Daemon(CONFIG)
        try:
            expect(not marker.find(daemon.process.pid), "the marker is in a fresh daemon")
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                window = pool.submit(read_window, daemon)
                send(daemon, marker)
                expect(window.result() == 0, "no window of the stream by " + name)
            harness.wait_until(lambda: is_over(daemon), "the end of the stream by " + name)
            time.sleep(1.0)
            found = marker.find(daemon.process.pid)
            if found:
                left.append("%s: %s" % (name, audio_in_memory.describe(found)))
        finally:
            daemon.close()
    for line in left:
        print("left: " + line, flush=True)
    return Measured(len(left), 0, "ways that leave some", 1)
