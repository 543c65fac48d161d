"""The invariants I1 to I11 of the design, each a function from a history (history.py) to the list of what breaks it: a
sentence each, none if it holds. Nothing here starts or reads anything."""
import collections
import re

import history as model
from tracks import rows_of
from sample_checks import check_i1, check_i2
from delivery_checks import check_i3, check_i4, check_i5, check_i7, check_i8, check_i9
from resume_checks import check_i6
from end_checks import check_i10


def check_i11(history, reference):
    """Content: each frame is what the front end makes of its segment's samples, computed apart from the stream. reference:
    {(epoch, features of the session): {first sample of the frame: CRC}}; what it lacks is not checked, nor blocks with
    samples that were made up for lost ones."""
    wrong = []
    for track in model.all_tracks(history):
        expected = reference.get((track.epoch, track.session.features()))
        if expected is None:
            continue
        stride = rows_of(track).stride()
        for block in genuine_blocks(track):
            for i, crc in enumerate(block["crc"]):
                due = expected.get(block["first_sample"] + i * stride)
                if due is not None and due != crc:
                    wrong.append("%s: frame %d at sample %d is not what its samples make" % (
                        track, block["first_frame"] + i, block["first_sample"] + i * stride))
                    break
    return wrong


def genuine_blocks(track):
    return [block for block in track.blocks() if block.get("concealed_share", 0) == 0]


def checked_frames(history, reference):
    """(frames that I11 compared, frames that came)."""
    n_checked = n_all = 0
    for track in model.all_tracks(history):
        expected = reference.get((track.epoch, track.session.features()), {})
        stride = rows_of(track).stride()
        for block in track.blocks():
            n_all += block["n_frames"]
        for block in genuine_blocks(track):
            n_checked += sum(block["first_sample"] + i * stride in expected for i in range(block["n_frames"]))
    return n_checked, n_all


def latencies(history):
    """{"before": [...], "beside": [...]}: added latency in ms, p99 of each reader that was measured before others were stopped,
    and beside stopped ones."""
    measured = {"before": [], "beside": []}
    for session in history.sessions:
        said = re.search(r"added latency p50 [0-9.]+ ms p99 ([0-9.]+) ms", session.error)
        when = session.name.partition("-")[0]
        if said and when in measured:
            measured[when].append(float(said.group(1)))
    return measured


def seen(history):
    """How often what occurred: a check of what never happened proves nothing."""
    n = collections.Counter()
    for fault in history.faults:
        n["faults " + fault["do"]] += 1
    for session in history.sessions:
        tracks, strays = model.tracks_of(session)
        resumes = session.request.get("resumes", [])
        n["sessions"] += 1
        n["tokens resumed"] += len(resumes)
        n["tokens refused"] += sum(one["type"] == "failure" for one in strays) + ("EPOCH_CHANGED" in session.error)
        for track in tracks:
            for gap in track.gaps():
                n["gaps " + gap["reason"]] += 1
            n["discontinuities"] += sum(one["type"] == "discontinuity" for one in track.items)
            n["ends " + track.end["reason"] if track.end else "tracks without an end"] += 1
    n["networks with losses known"] += len(history.network)
    return n


CHECKS = {"I1": check_i1, "I2": check_i2, "I3": check_i3, "I4": check_i4, "I5": check_i5, "I6": check_i6, "I7": check_i7,
          "I8": check_i8, "I9": check_i9, "I10": check_i10}


def check_all(history, reference):
    """[(invariant, sentence)]"""
    wrong = [(name, sentence) for name, check in CHECKS.items() for sentence in check(history)]
    wrong += [("I11", sentence) for sentence in check_i11(history, reference)]
    return list(dict.fromkeys(wrong))
