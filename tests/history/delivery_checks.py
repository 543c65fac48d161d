"""I3 to I5 and I7 to I9: what readers are told is whole, in order and bounded."""
import collections

import history as model
from tracks import SLACK_S, S_TO_NS, features_of


def check_i3(history):
    """What was published for a subscription is what it was sent, and what it was told is missing: from its start to the
    end that is the same for all."""
    wrong = []
    ends = {}
    for track in model.all_tracks(history):
        if track.end is None:
            continue
        n_delivered = sum(block["n_frames"] for block in track.blocks())
        n_missing = sum(gap["n_frames"] for gap in track.gaps())
        n_published = track.end["next_frame"] - track.start["first_frame"]
        if n_published != n_delivered + n_missing:
            wrong.append("%s: %d frames were published, %d delivered, %d in gaps" % (track, n_published, n_delivered,
                                                                                   n_missing))
        key = features_of(track)
        end = ends.setdefault(key, track)
        # Who begins beyond the end is told where he began.
        begun_later = track.start["first_frame"] >= track.end["next_frame"] or end.start["first_frame"] >= end.end["next_frame"]
        if end.end["next_frame"] != track.end["next_frame"] and not begun_later:
            wrong.append("%s ends before frame %d, %s before frame %d" % (end, end.end["next_frame"], track,
                                                                        track.end["next_frame"]))
        if end.end["reason"] != track.end["reason"]:
            wrong.append("%s ended as %s, %s as %s" % (end, end.end["reason"], track, track.end["reason"]))
    return wrong + untold_lives(history)


def untold_lives(history):
    """Who follows many streams is told of each that is opened meanwhile, however short it lives."""
    wrong = []
    for session in history.sessions:
        if not session.request.get("many"):
            continue
        told = {one["epoch"] for one in session.responses if one["type"] in ("start", "failure")}
        for life in history.lives:
            if life.epoch is None or life.epoch in told or not selects(session.request["streams"], life):
                continue
            if was_there(history, session, life):
                wrong.append("%s: nothing was told of life %s (%s, epoch %s)" % (session.name, life.name, life.stream,
                                                                           life.epoch))
    return wrong


def selects(streams, life):
    if streams == "all":
        return True
    if isinstance(streams, list):
        return life.stream in streams
    key, value = streams.split("=")
    return life.labels.get(key) == value


def was_there(history, session, life):
    """Whether the session surely subscribed before that life was opened, and went on until it must have been told of it."""
    instance = history.instances[life.instance]
    begin, end = life.began_ns - SLACK_S * S_TO_NS, life.began_ns + 2 * SLACK_S * S_TO_NS
    if instance.began_ns > begin or (instance.stop_ns or float("inf")) < end:
        return False
    lost = [fault for fault in history.faults if fault["do"] in ("cut", "stall") and session.request.get("via") == "proxy"]
    if any(session.began_ns <= fault["t_ns"] for fault in lost):
        return False
    return session.began_ns < begin and (session.ended_ns or 0) > end


def check_i4(history):
    """Blocks and gaps tile the frames from the start to the end: no overlap, no hole, indices rise."""
    wrong = []
    for session in history.sessions:
        tracks, strays = model.tracks_of(session)
        for one in strays:
            if one["type"] in ("block", "gap", "discontinuity"):
                wrong.append("%s: a %s of %s before a start, or after an end" % (session.name, one["type"], one["stream"]))
        for track in tracks:
            wrong += tiling_wrong(track)
            if track.interleaved:
                wrong.append("%s: goes on after the next life of the stream has started" % track)
    return wrong


def tiling_wrong(track):
    due = track.start["first_frame"]
    for one in track.items:
        kind = one["type"]
        first = one["first_frame"] if kind in ("block", "gap") else one["next_frame"]
        if first != due:
            return ["%s: a %s at frame %d where frame %d was due" % (track, kind, first, due)]
        if kind in ("block", "gap"):
            if one["n_frames"] < 1:
                return ["%s: a %s of %d frames" % (track, kind, one["n_frames"])]
            due += one["n_frames"]
        if kind == "block" and len(one["crc"]) != one["n_frames"]:
            return ["%s: the block at frame %d says %d frames and has %d" % (track, first, one["n_frames"], len(one["crc"]))]
    return []


def check_i5(history):
    """A gap comes before any later frame: when a frame comes, all before it have come or were told missing."""
    wrong = []
    for track in model.all_tracks(history):
        covered = track.start["first_frame"]
        for one in track.items:
            if one["type"] == "block":
                if one["first_frame"] > covered:
                    wrong.append("%s: frame %d came before anything was told of frame %d" % (track, one["first_frame"],
                                                                                         covered))
                covered = max(covered, one["first_frame"] + one["n_frames"])
            elif one["type"] == "gap":
                if one["first_frame"] + one["n_frames"] <= covered:
                    wrong.append("%s: the gap at frame %d came after later frames" % (track, one["first_frame"]))
                covered = max(covered, one["first_frame"] + one["n_frames"])
    return wrong


def check_i7(history):
    """Others' slowness harms nobody: who was never stopped and always read has no gap for being slow, and whom the stream
    waits for never has one."""
    wrong = []
    for track in model.all_tracks(history):
        session, life = track.session, history.life_of(track.epoch)
        waited_for = session.request.get("policy") == "block"
        may_be_slow = session.hampered or session.killed or (life is not None and life.pace == "fast")
        if may_be_slow and not waited_for:
            continue
        for gap in track.gaps():
            if gap["reason"] == "SUBSCRIBER_SLOW":
                wrong.append("%s: frames %d to %d are missing as if it were slow" % (
                    track, gap["first_frame"], gap["first_frame"] + gap["n_frames"] - 1))
    return wrong


def check_i8(history):
    """Queued bytes never exceed their limit."""
    wrong = []
    for poll in history.polls:
        info = poll.get("info")
        if not info or "queued_bytes_limit" not in info:
            continue
        if info["queued_bytes_limit"] <= 0:
            wrong.append("no limit of queued bytes is told")
        elif info["queued_bytes_peak"] > info["queued_bytes_limit"]:
            wrong.append("%d bytes were queued, the limit is %d" % (info["queued_bytes_peak"], info["queued_bytes_limit"]))
        if info["queued_bytes"] > info["queued_bytes_peak"]:
            wrong.append("%d bytes are queued, the peak is told as %d" % (info["queued_bytes"], info["queued_bytes_peak"]))
        n_queued = sum(one["queued_bytes"] for one in poll.get("subscribers") or [])
        if n_queued > info["queued_bytes_limit"] > 0:
            wrong.append("the subscriptions have %d bytes queued, the limit is %d" % (n_queued, info["queued_bytes_limit"]))
    return wrong


def check_i9(history):
    """Capture time never decreases within an epoch, and is the same for all who are told it."""
    wrong = []
    times = collections.defaultdict(dict)
    for track in model.all_tracks(history):
        for block in track.blocks():
            known = times[track.epoch].setdefault(block["first_sample"], block["capture_ns"])
            if known != block["capture_ns"]:
                wrong.append("%s: sample %d was captured at %d, and at %d" % (track, block["first_sample"], known,
                                                                       block["capture_ns"]))
    for epoch, of_sample in times.items():
        last = None
        for sample, capture_ns in sorted(of_sample.items()):
            if last is not None and capture_ns < last:
                wrong.append("epoch %s: capture time falls by %d ns at sample %d" % (epoch, last - capture_ns, sample))
            last = capture_ns
    return wrong
