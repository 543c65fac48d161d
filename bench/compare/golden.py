"""How far a contender is from the golden features of tests/golden, and whether that is within their tolerance."""
import importlib.util
import json
import os

import numpy as np

from .cases import GOLDEN, read_clip
from .features import box3x3

PRESETS = {"log-mel": "whisper80_raw", "log-mel-3x3": "smooth3x3_same", "whisper": "whisper80_norm", "kaldi": "kaldi80"}


def _load_check():
    spec = importlib.util.spec_from_file_location("golden_check", os.path.join(GOLDEN, "check.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _entries(preset):
    with open(os.path.join(GOLDEN, "manifest.json"), encoding="utf-8") as file:
        return {entry["audio"]: entry for entry in json.load(file)["entries"] if entry["preset"] == preset}


def _rows(entry):
    return np.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)


def _smoothed_then_normalized(clip, smoothed, normalized):
    """golden of the step before, with Whisper's lower limit, which is compared in its own units: there its tolerance holds."""
    del normalized
    values = _rows(smoothed[clip])
    return np.maximum(values, values.max() - np.float32(8.0)), smoothed[clip]["tolerance"], 4.0


def _normalized_then_smoothed(clip, smoothed, normalized):
    del smoothed
    return box3x3(_rows(normalized[clip])), normalized[clip]["tolerance"], 1.0


def golden_clips(form, is_normalized):
    """(clip, golden [rows, bins], tolerance, units) of each clip: golden values are `units * (value - 1)`, or `value` for 1.

    No genuine front end has both the mean and the normalization: "whisper-3x3" is made of the golden of the step before the
    contender's last one."""
    if form != "whisper-3x3":
        for clip, entry in _entries(PRESETS[form]).items():
            yield clip, _rows(entry), entry["tolerance"], 1.0
        return
    smoothed, normalized = _entries("smooth3x3_same"), _entries("whisper80_norm")
    make = _normalized_then_smoothed if is_normalized else _smoothed_then_normalized
    for clip in sorted(smoothed.keys() & normalized.keys()):
        yield (clip, *make(clip, smoothed, normalized))


def compare(contender, form):
    """Of all clips: the largest difference, the largest share of a tolerance that was used up, and how many pass."""
    check = _load_check()
    found = {"largest": 0.0, "largest_at": "", "share": 0.0, "share_at": "", "passed": 0, "clips": 0, "failed": [],
             "refused": []}
    for clip, golden, tolerance, units in golden_clips(form.name, contender.is_normalized):
        found["clips"] += 1
        try:
            rows = np.asarray(contender.features(form, read_clip(clip)))
        except Exception:  # pylint: disable=broad-except
            found["refused"].append(clip)
            continue
        result = check.compare(golden, rows if units == 1.0 else units * (rows - np.float32(1.0)), tolerance)
        if result["pass"]:
            found["passed"] += 1
        else:
            found["failed"].append(clip)
        for key, value in (("largest", result["max_abs"] / units), ("share", result["max_over_tol"])):
            if not value <= found[key]:
                found[key], found[key + "_at"] = float(value), clip
    return found
