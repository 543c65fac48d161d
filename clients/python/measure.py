#!/usr/bin/env python3
"""Prints how long the first block takes from connect() on, and with --model how late live captions are. Asserts nothing.

  MELSTREAM_BIN=build/dev/bin python clients/python/measure.py CLIP.wav [--model FOLDER]

Needs the package installed; --model: faster-whisper too. The clip is played in real time."""
import argparse
import json
import statistics
import subprocess
import sys
import threading
import time

import melstream
from melstream import testing

CONFIG = '[features]\nalways = ["whisper-80"]\n[stream]\naudio_history_s = 40\n'


def first_block_s(daemon):
    begin = time.monotonic()
    with daemon.connect() as client:
        next(client.subscribe("clip", front_end="whisper-80"))
        return time.monotonic() - begin


def caption_delays_s(daemon, client, clip, model):
    command = [sys.executable, "-m", "melstream.captions", "captions", "--model", model, "--language", "en", "--format",
               "json", "--start", "first", "--device", "cpu", "--server", daemon.server]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while client.info().subscription_count == 0:  # its model is loaded by then
        time.sleep(0.05)
    client.push("captions", clip, pace="realtime")
    lines = [json.loads(line) for line in process.stdout]
    process.wait()
    return [line["delay"] for line in lines if line["type"] == "word"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--model")
    options = parser.parse_args()
    with testing.daemon(CONFIG) as daemon, daemon.connect() as client:
        push = threading.Thread(target=client.push, args=("clip", options.clip), kwargs={"pace": "realtime"})
        push.start()
        next(client.subscribe("clip", front_end="whisper-80", wait=True))  # so the stream is live
        times = [first_block_s(daemon) for _ in range(20)]
        push.join()
        print("first block after connect(), live: median %.0f ms, worst of 20: %.0f ms"
              % (1000 * statistics.median(times), 1000 * max(times)))
    if options.model:
        with testing.daemon(CONFIG) as daemon, daemon.connect() as client:
            delays = caption_delays_s(daemon, client, options.clip, options.model)
        figures = len(delays), statistics.median(delays), max(delays)
        print("captions: %d words, delay median %.2f s, worst %.2f s" % figures)


if __name__ == "__main__":
    main()
