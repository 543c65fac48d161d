"""The live page with four streams in headless Chromium: frames a second from Chromium's own trace, the daemon's CPU from
/proc. Run by scripts/bench-page. Exit status: 0 within the bounds, 1 not, 69 no Chromium."""
import argparse
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "e2e"))

import browser  # noqa: E402
import harness  # noqa: E402

CLIPS = {"desk": "jfk", "hall": "espeak", "phone": "espeak_8k_mulaw_decoded"}
LEAST_FRAMES_HZ = 58.0
MOST_CPU_PERCENT = 5.0


def cpu_seconds(pid):
    """Of the threads by name, and of the whole process as "all"."""
    used = {}
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, task), encoding="utf-8") as file:
            name = file.read().strip()
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="utf-8") as file:
            used[name] = used.get(name, 0.0) + int(file.read().split()[0]) / 1e9
    used["all"] = sum(used.values())
    return used


def measure_cpu(pid, seconds):
    """Percent of a core, by thread."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    after, took = cpu_seconds(pid), time.monotonic() - began
    return {name: 100.0 * (after[name] - before.get(name, 0.0)) / took for name in after}


def trace_events(chromium, seconds):
    """(name, microseconds) of the frames that Chromium drew or dropped in the last seconds, of the page alone."""
    events = {}
    for entry in chromium.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] != "Tracing.dataCollected":
            continue
        event = message["params"]
        if event["name"] in ("DrawFrame", "DroppedFrame"):
            events.setdefault(event["args"].get("layerTreeId"), []).append((event["name"], event["ts"]))
    of_page = max(events.values(), key=len, default=[])  # the browser's own window draws less
    end = max(at for _, at in of_page)
    return [(name, at) for name, at in of_page if at > end - seconds * 1e6]


def open_page(daemon, chromium, microphone):
    url = re.search(r"http://127\.0\.0\.1:\d+/", daemon.log_text()).group(0)
    chromium.open(url)
    for stream in CLIPS:
        chromium.wait_for("const button = document.querySelector(`#streams button[aria-label=\"Show ${arguments[0]}\"]`);"
                          "if (button) button.click();"
                          "return document.querySelector(`#streams button[aria-label=\"${arguments[0]} is shown\"]`)",
                          "a panel of " + stream, stream)
    if microphone:
        chromium.click("#microphone-button")
    chromium.wait_for("return document.querySelectorAll('.panel').length === 4 &&"
                      "[...document.querySelectorAll('.panel .veil')].every((veil) => veil.hidden)", "four spectrograms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--screenshot", help="a PNG to write")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    missing = browser.why_not()
    if missing:
        print("bench-page: " + missing, file=sys.stderr)
        return 69
    harness.bin_folder = os.path.abspath(options.bin)
    daemon = harness.Daemon('[page]\nlisten = "127.0.0.1:0"\n')
    chromium = None
    try:
        for stream, clip in CLIPS.items():
            daemon.client("open", "file:%s?loop=true" % harness.audio(clip), "--stream", stream)
        time.sleep(1.0)
        idle = measure_cpu(daemon.process.pid, options.seconds / 4)
        microphone = browser.microphone_file(daemon.folder, "jfk")
        chromium = browser.Browser(microphone, size=(1280, 1100), dark=options.dark, performance=True)
        open_page(daemon, chromium, microphone)
        time.sleep(2.0)
        busy = measure_cpu(daemon.process.pid, options.seconds)
        events = trace_events(chromium, options.seconds)
        round_trip = chromium.text("#round-trip")
        if options.screenshot:
            time.sleep(max(0.0, 11.0 - options.seconds))
            chromium.screenshot(options.screenshot)
    finally:
        if chromium:
            chromium.close()
        daemon.close()
    drawn = sorted(ts for name, ts in events if name == "DrawFrame")
    dropped = sum(name == "DroppedFrame" for name, _ in events)
    took_s = (drawn[-1] - drawn[0]) / 1e6
    rate = (len(drawn) - 1) / took_s
    waits = sorted(b - a for a, b in zip(drawn, drawn[1:]))
    extra = busy["all"] - idle["all"]
    print("processors             %d" % len(os.sched_getaffinity(0)))
    print("frames drawn           %.1f a second over %.1f s, %d dropped" % (rate, took_s, dropped))
    print("between two frames     median %.1f ms, p99 %.1f ms" % (waits[len(waits) // 2] / 1e3, waits[len(waits) * 99 // 100] / 1e3))
    print("daemon, thread ms-page %.2f %% of a core" % busy.get("ms-page", 0.0))
    print("daemon, all it costs   %.2f %% of a core: %.2f %% with the page, %.2f %% with the three files and no page" % (
        extra, busy["all"], idle["all"]))
    print("microphone round trip  %s" % round_trip)
    return 0 if rate >= LEAST_FRAMES_HZ and extra <= MOST_CPU_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
