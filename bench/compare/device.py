"""Copies between host and device, and device memory, of one call: as torch's profiler (CUPTI) and the driver count them.

A profiler that sees no activity of the GPU would report zero copies too. So it must first see a copy whose size is known, and
then some activity of the call itself; else nothing counts as measured. A kernel that reads host memory over the link is no
copy and is not counted by anyone here."""
import json
import os
import tempfile

KNOWN_BYTES = 1 << 20


def count_copies(trace):
    """From a Chrome trace of torch.profiler: copies and bytes by direction, and how many activities the GPU had at all."""
    found = {"htod_copies": 0, "htod_bytes": 0, "dtoh_copies": 0, "dtoh_bytes": 0, "activities": 0}
    for event in trace["traceEvents"]:
        category = event.get("cat")
        if category not in ("kernel", "gpu_memcpy", "gpu_memset"):
            continue
        found["activities"] += 1
        if category != "gpu_memcpy":
            continue
        for direction in ("htod", "dtoh"):
            if direction in event["name"].lower():
                found[direction + "_copies"] += 1
                found[direction + "_bytes"] += int(event["args"]["bytes"])
    return found


def _traced(torch, call):
    from torch.profiler import ProfilerActivity, profile
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        call()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        profiler.export_chrome_trace(path)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def copies_of(torch, call):
    """{"htod_copies": ...} of one call, or {"copies_not_measured": reason}."""
    known = torch.zeros(KNOWN_BYTES, dtype=torch.uint8)
    _traced(torch, lambda: known.to("cuda"))  # a first profile sets CUPTI up, and may have missed what went on meanwhile
    control = count_copies(_traced(torch, lambda: known.to("cuda")))
    if (control["htod_copies"], control["htod_bytes"]) != (1, KNOWN_BYTES):
        return {"copies_not_measured": "the profiler saw %d copies of %d bytes where 1 of %d was made"
                % (control["htod_copies"], control["htod_bytes"], KNOWN_BYTES)}
    found = count_copies(_traced(torch, call))
    if not found["activities"]:
        return {"copies_not_measured": "the profiler saw no activity of the GPU"}
    return found


class DeviceMemory:
    """Device memory that this process takes. What is not torch's is the driver's count of the whole device less what torch
    holds, so other processes must not change theirs meanwhile."""

    def __init__(self, torch):
        self.torch = torch
        torch.zeros(1, device="cuda")  # the context is there from here on
        torch.cuda.synchronize()
        self.others = self._outside_torch()

    def _outside_torch(self):
        free, total = self.torch.cuda.mem_get_info()
        return total - free - self.torch.cuda.memory_reserved()

    def peak_of(self, call):
        """Bytes: what torch had at most at once above what lay there before, and what is held outside of torch."""
        self.torch.cuda.synchronize()
        self.torch.cuda.reset_peak_memory_stats()
        before = self.torch.cuda.memory_allocated()
        result = call()
        self.torch.cuda.synchronize()
        peak = self.torch.cuda.max_memory_allocated() - before
        del result
        return {"device_peak_bytes": peak, "device_outside_bytes": self._outside_torch() - self.others}
