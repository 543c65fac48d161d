"""The invariants I1 to I11 of the design, each a function from a history (history.py) to the list of what breaks it: a
sentence each, none if it holds. Nothing here starts or reads anything."""
import collections
import re

import framing
import history as model

# A wall clock's and a loaded machine's allowance where an instant is judged.
SLACK_S = 1.5
S_TO_NS = 10 ** 9


# What several checks need.


def features_of(track):
    """What all tracks have in common whose frames and indices must be equal."""
    front_end, smoothing, _, _ = track.session.features()
    return track.epoch, front_end, smoothing


def rows_of(track):
    front_end, smoothing, _, _ = track.session.features()
    return framing.rows_of(front_end, smoothing)


def audio_losses(track):
    """[(end of the segment before, begin of the segment behind, source samples lost, hole)] that the track was told."""
    losses = []
    for hole in track.holes():
        if hole["reason"] in model.READERS_OWN or hole["reason"] == "ENGINE_OVERLOAD":
            continue
        begin = hole["next_sample"] - rows_of(track).offset()
        losses.append((begin - hole["lost_samples"], begin, hole["lost_source_samples"], hole))
    return losses


def is_whole(track):
    """Told of everything from the stream's first frame to its end."""
    own = [gap for gap in track.gaps() if gap["reason"] in model.READERS_OWN + ("ENGINE_OVERLOAD",)]
    return track.start["first_frame"] == 0 and track.end is not None and not own


def losses_by_epoch(history):
    """{epoch: {(end, begin): source samples}}, united over all that were told of it."""
    losses = collections.defaultdict(dict)
    for track in model.all_tracks(history):
        for end, begin, n_source, _ in audio_losses(track):
            losses[track.epoch][(end, begin)] = n_source
    return losses


def segments_of(history, epoch, losses):
    """[(begin, end)] in 16 kHz samples by the losses that were told; the last end is None where nobody knows it."""
    life = history.life_of(epoch)
    begin, segments = 0, []
    for end, following in sorted(losses.get(epoch, ())):
        segments.append((begin, end))
        begin = following
    segments.append((begin, life.timeline() if life else None))
    return segments


# The invariants.


def check_i1(history):
    """Samples: offered = accepted + dropped, dropped = the sum over the reasons, timeline = accepted + made up + gaps; and
    what the network lost is what was counted and told."""
    wrong = []
    for life in history.lives:
        if life.totals:
            wrong += totals_wrong("life " + life.name, life.totals)
    for poll in history.polls:
        for source in poll.get("sources") or []:
            n = source["counters"]
            if "samples_offered" in n and n["samples_offered"] != n["samples_accepted"] + n["samples_dropped"]:
                wrong.append("source %s: offered %d is not accepted %d + dropped %d" % (
                    source["id"], n["samples_offered"], n["samples_accepted"], n["samples_dropped"]))
        for stream in poll.get("streams") or []:
            if not 0 <= stream["gap_samples"] <= stream["timeline_samples"]:
                wrong.append("stream %s: %d samples of gaps in a timeline of %d" % (
                    stream["stream"], stream["gap_samples"], stream["timeline_samples"]))
    return wrong + network_wrong(history)


def totals_wrong(who, n):
    wrong = []
    if n["offered_samples"] != n["accepted_samples"] + n["dropped_samples"]:
        wrong.append("%s: offered %d is not accepted %d + dropped %d" % (
            who, n["offered_samples"], n["accepted_samples"], n["dropped_samples"]))
    if n["dropped_samples"] != sum(n["losses"].values()):
        wrong.append("%s: dropped %d is not the sum over reasons %s" % (who, n["dropped_samples"], n["losses"]))
    # Publishers of these runs send at 16 kHz, so that source samples are timeline samples.
    if n["timeline_samples"] != n["accepted_samples"] + n["concealed_samples"] + n["gap_samples"]:
        wrong.append("%s: timeline %d is not accepted %d + concealed %d + gaps %d" % (
            who, n["timeline_samples"], n["accepted_samples"], n["concealed_samples"], n["gap_samples"]))
    return wrong


def network_wrong(history):
    """Each packet that never went out is in the counters; all that is missing is in the gaps; nothing else is."""
    wrong = []
    for one in history.network:
        life = next(life for life in history.lives if life.name == one["life"])
        counters = last_counters(history, life)
        if counters is None:
            continue
        # What was lost at either end is nobody's: no packet came before, or after it.
        machine_lost = counters["packets_late"] > 0 or counters.get("kernel_drops", 0) > 0
        if not machine_lost and counters["packets_lost"] != one["n_dropped"]:
            wrong.append("life %s: %d packets were lost on the way, %d were counted" % (life.name, one["n_dropped"],
                                                                                     counters["packets_lost"]))
        n_lost = counters["packets_lost"] * one["packet_samples"]
        stood_still = any(fault["do"] == "stop_daemon" for fault in history.faults)
        if counters["samples_dropped"] < n_lost or (counters["samples_dropped"] > n_lost and not stood_still):
            wrong.append("life %s: %d samples were lost on the way, %d were dropped" % (life.name, n_lost,
                                                                                     counters["samples_dropped"]))
        for track in history_tracks_of(history, life.epoch):
            told = sum(loss[2] for loss in audio_losses(track))
            if is_whole(track) and told != counters["samples_dropped"]:
                wrong.append("%s: %d samples were dropped, %d were told" % (track, counters["samples_dropped"], told))
    return wrong


def last_counters(history, life):
    for poll in reversed(history.polls):
        for source in poll.get("sources") or []:
            if source["labels"].get("life") == life.name and source["counters"].get("packets", 0) > 0:
                return source["counters"]
    return None


def check_i2(history):
    """Frames: each segment gives as many as its samples make, from the index that its place says; within a segment frames
    are one stride apart, and no block reaches over a loss that was not told."""
    wrong = []
    losses = losses_by_epoch(history)
    for track in model.all_tracks(history):
        wrong += block_places_wrong(track)
        wrong += segment_counts_wrong(history, track, losses)
    return wrong


def block_places_wrong(track):
    """Neighbouring blocks without a hole between them belong to one segment."""
    wrong = []
    stride = rows_of(track).stride()
    last = None
    for one in track.items:
        if one["type"] in ("gap", "discontinuity"):
            last = None
        if one["type"] != "block":
            continue
        if last is not None:
            due = last["first_sample"] + (one["first_frame"] - last["first_frame"]) * stride
            if one["first_sample"] != due:
                wrong.append("%s: frame %d stands at sample %d, not %d, and no gap was told" % (
                    track, one["first_frame"], one["first_sample"], due))
            if last["flags"] & 2 or one["flags"] & 1:
                wrong.append("%s: a segment ends before frame %d, and no gap was told" % (track, one["first_frame"]))
        last = one
    return wrong


def segment_counts_wrong(history, track, losses):
    """Numbers all segments from the first frame on, as far as they are known, and compares."""
    wrong = []
    rows = rows_of(track)
    overload = any(gap["reason"] == "ENGINE_OVERLOAD" for gap in track.gaps())
    if overload or not any(is_whole(other) for other in history_tracks_of(history, track.epoch)):
        return wrong  # not all segments are known
    numbered, following = [], 0
    for begin, end in segments_of(history, track.epoch, losses):
        first = max(following, -(-begin // rows.stride()))
        numbered.append((begin, end, first))
        if end is None:
            following = None
            break
        following = first + rows.of(end - begin)
    for block in track.blocks():
        begin, end, first = next(one for one in reversed(numbered) if one[0] <= block["first_sample"])
        position = block["first_sample"] - begin - rows.offset()
        if position % rows.stride() or first + position // rows.stride() != block["first_frame"]:
            wrong.append("%s: frame %d at sample %d is not of the grid of the segment at %d, whose first is %d" % (
                track, block["first_frame"], block["first_sample"], begin, first))
        elif end is not None and block["first_frame"] + block["n_frames"] > first + rows.of(end - begin):
            wrong.append("%s: the segment of samples %d to %d has %d frames from %d on, but frame %d came" % (
                track, begin, end, rows.of(end - begin), first, block["first_frame"] + block["n_frames"] - 1))
    if track.end is not None and following is not None and track.end["next_frame"] != max(
            following, track.start["first_frame"]):
        wrong.append("%s: it ends before frame %d; its segments make %d frames" % (track, track.end["next_frame"], following))
    return wrong


def history_tracks_of(history, epoch):
    return [track for track in model.all_tracks(history) if track.epoch == epoch]


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


def check_i6(history):
    """Resuming: the same frame has the same bytes however often and to whom it is sent; a token leads right behind the
    response that it came with, or to a gap from there on, or is refused; never to another life."""
    return repeated_frames_wrong(history) + resumes_wrong(history) + reconnects_wrong(history)


def repeated_frames_wrong(history):
    wrong, seen = [], {}
    for track in model.all_tracks(history):
        features = track.session.features()
        if features[2] == "running_max":
            continue  # what it is depends on where the reader began
        for block in track.blocks():
            for i, crc in enumerate(block["crc"]):
                key = (track.epoch, features, block["first_frame"] + i)
                if seen.setdefault(key, (crc, track))[0] != crc:
                    wrong.append("%s: frame %d has other bytes than %s got" % (track, key[2], seen[key][1]))
                    break
    return wrong


def resumes_wrong(history):
    """session.request["resumes"]: [{"stream", "epoch", "next_frame"}] of the tokens that it was given."""
    wrong = []
    for session in history.sessions:
        tracks, strays = model.tracks_of(session)
        for resume in session.request.get("resumes", []):
            mine = [track for track in tracks if track.stream == resume["stream"]]
            first = mine[0] if mine else None
            if first is not None and first.epoch == resume["epoch"]:
                wrong += resumed_place_wrong(history, session, resume, first)
            else:
                wrong += refused_resume_wrong(history, session, resume, first, strays)
    return wrong


def resumed_place_wrong(history, session, resume, track):
    wrong = []
    if track.start["first_frame"] != resume["next_frame"]:
        wrong.append("%s: resumed at frame %d, the token's is %d" % (track, track.start["first_frame"], resume["next_frame"]))
    life = history.life_of(track.epoch)
    gap = track.items[0] if track.items and track.items[0]["type"] == "gap" else None
    if gap is None or gap["reason"] not in model.READERS_OWN:
        return wrong
    if gap["reason"] != "HISTORY_EVICTED":
        wrong.append("%s: what was gone at resuming is told as %s" % (track, gap["reason"]))
    # What is still held may not be told as gone: the first frame after the gap is as old as the history reaches.
    following = next((one for one in track.items if one["type"] == "block"), None)
    live = life is not None and (life.ended_ns is None or life.ended_ns > session.began_ns)
    # Other front ends are computed only while somebody reads them.
    kept = session.features()[:2] in [(front_end, "none") for front_end in history.always]
    if following is not None and live and kept:
        age_s = (session.began_ns - following["received_ns"]) / S_TO_NS
        if age_s < history.history_s - SLACK_S:
            wrong.append("%s: frames up to %d were told as evicted, but the next one is %.1f s old and %.1f s are kept" % (
                track, gap["first_frame"] + gap["n_frames"] - 1, age_s, history.history_s))
    return wrong


def reconnects_wrong(history):
    """A client that reconnected goes on with each stream where it was: each frame comes once."""
    wrong = []
    for session in history.sessions:
        came_to = {}
        for track in model.tracks_of(session)[0]:
            key = (track.stream, track.epoch)
            due = came_to.get(key)
            if due is not None and track.start["first_frame"] != due:
                wrong.append("%s: goes on at frame %d, it was at %d" % (track, track.start["first_frame"], due))
            n_told = sum(one["n_frames"] for one in track.items if one["type"] in ("block", "gap"))
            came_to[key] = track.start["first_frame"] + n_told
    return wrong


def refused_resume_wrong(history, session, resume, other, strays):
    """The token's life is not what came: it must have been refused, and for a reason."""
    wrong = []
    told = "EPOCH_CHANGED" in session.error or any(
        one["type"] == "failure" and one["stream"] == resume["stream"] and one["epoch"] in (resume["epoch"], "0")
        for one in strays)
    changed = "EPOCH_CHANGED" in session.error or any(
        one["type"] == "failure" and one["stream"] == resume["stream"] and "EPOCH_CHANGED" in one["message"] for one in strays)
    if other is not None and not told:
        wrong.append("%s: resumed epoch %s of %s and was sent epoch %s" % (session.name, resume["epoch"], resume["stream"],
                                                                     other.epoch))
    if not told:
        if other is None and not cut_short(history, session):
            wrong.append("%s: nothing came of the token of %s, epoch %s" % (session.name, resume["stream"], resume["epoch"]))
        return wrong
    life = history.life_of(resume["epoch"])
    if changed and life is not None and life_is_held(history, life, session.began_ns):
        wrong.append("%s: EPOCH_CHANGED for epoch %s of %s, which the daemon still has" % (session.name, resume["epoch"],
                                                                                     resume["stream"]))
    return wrong


def life_is_held(history, life, at_ns):
    """Whether the daemon surely still had that life at that time."""
    instance = history.instances[life.instance] if life.instance < len(history.instances) else None
    if instance is None or (instance.stop_ns is not None and instance.stop_ns < at_ns + SLACK_S * S_TO_NS):
        return False
    return life.ended_ns is None or at_ns < life.ended_ns + (history.history_s - SLACK_S) * S_TO_NS


def cut_short(history, session):
    """Something was done to the session that explains an error, or that nothing came."""
    if session.killed or session.interrupted or session.hampered:
        return True
    begin, end = session.began_ns - SLACK_S * S_TO_NS, (session.ended_ns or float("inf")) + SLACK_S * S_TO_NS
    for instance in history.instances:
        if instance.stop_ns is not None and begin <= instance.stop_ns <= end:
            return True
        # It was called while no daemon was there.
        if instance.number > 0 and begin <= instance.began_ns <= end:
            return True
    return any(fault["do"] == "cut" and begin <= fault["t_ns"] <= end for fault in history.faults
               if session.request.get("via") == "proxy")


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


def check_i10(history):
    """Every subscription ends with an End or an error that something explains; every daemon ends as it should; totals of
    publishers, readers and the daemon agree."""
    wrong = []
    for session in history.sessions:
        wrong += end_wrong(history, session)
    for instance in history.instances:
        good = (-9,) if instance.how == "kill" else (0, 75) if instance.may_time_out else (0,)
        if instance.exit_code not in good:
            wrong.append("daemon %d (%s) ended with %s" % (instance.number, instance.how or "not told to", instance.exit_code))
        wrong += logged_totals_wrong(history, instance)
    return wrong + totals_disagree(history)


def logged_totals_wrong(history, instance):
    """The daemon's last line against what all its readers got: less if one was cut off, else exactly that."""
    if not instance.totals:
        return []
    tracks = [track for track in model.all_tracks(history) if instance_of(history, track) == instance.number]
    exact = all(track.end is not None for track in tracks) and not any(
        instance_of(history, track) is None for track in model.all_tracks(history))
    wrong = []
    for key, n in (("frames_delivered", sum(block["n_frames"] for track in tracks for block in track.blocks())),
                   ("frames_gapped", sum(gap["n_frames"] for track in tracks for gap in track.gaps()))):
        logged = instance.totals[key]
        if logged < n or (exact and logged > n):
            wrong.append("daemon %d logged %s %d, its readers got %d" % (instance.number, key, logged, n))
    return wrong


def instance_of(history, track):
    life = history.life_of(track.epoch)
    return life.instance if life else None


def last_words(session):
    lines = session.error.strip().splitlines()
    return lines[-1] if lines else ""


def end_wrong(history, session):
    if session.killed:
        return []
    if session.exit_code is None:
        return ["%s: did not end" % session.name]
    if session.exit_code < 0 or "terminate called" in session.error or "please report" in session.error:
        return ["%s: ended with %d: %s" % (session.name, session.exit_code, last_words(session))]
    tracks, strays = model.tracks_of(session)
    wrong = printed_totals_wrong(session, tracks) + failures_wrong(history, session)
    many = session.request.get("many")
    open_tracks = [track for track in tracks if track.end is None and track.failure is None and not track.broken]
    n_frames = sum(block["n_frames"] for track in tracks for block in track.blocks())
    had_enough = session.request.get("frames") is not None and n_frames == session.request["frames"]
    ended_well = had_enough or not open_tracks and (many or tracks or any(one["type"] == "end" for one in strays))
    if session.interrupted:
        return wrong
    if session.exit_code == 0:
        if not ended_well:
            wrong.append("%s: ended with 0, without an end" % session.name)
        return wrong
    if not session.error.strip():
        return wrong + ["%s: ended with %d, and said nothing" % (session.name, session.exit_code)]
    if not explained(history, session, tracks):
        wrong.append("%s: ended with %d for no reason: %s" % (session.name, session.exit_code, last_words(session)))
    return wrong


def explained(history, session, tracks):
    """An error is what it says, or something was done to the session."""
    if any(track.end is not None and track.end["reason"] != "COMPLETED" for track in tracks):
        return True
    if any(one["type"] == "failure" for one in session.responses):
        return True  # failures_wrong() asks why
    if "was not computed while it lived" in session.error:
        return not_computed(history, session, session.error)
    if "RESOURCE_EXHAUSTED" in session.error and "too slow" in session.error:
        return session.request.get("policy") == "disconnect" and session.hampered
    if "EPOCH_CHANGED" in session.error:
        return bool(session.request.get("resumes")) or session.request.get("reconnect", False)
    if "NOT_FOUND" in session.error or "no stream" in session.error:
        return not session.request.get("wait")
    return cut_short(history, session)


def not_computed(history, session, message):
    """An ended stream whose front end nobody had asked for, or nobody had read for as long as it is kept."""
    return "was not computed while it lived" in message and session.features()[:2] not in [
        (front_end, "none") for front_end in history.always]


def failures_wrong(history, session):
    """One of many streams is given up only if it was to be: too slow by the reader's own policy, or no longer there."""
    wrong = []
    for one in session.responses:
        if one["type"] != "failure":
            continue
        slow = one["code"] == "RESOURCE_EXHAUSTED" and session.request.get("policy") == "disconnect"
        gone = "EPOCH_CHANGED" in one["message"] and (session.request.get("resumes") or session.request.get("reconnect"))
        if not slow and not gone and not not_computed(history, session, one["message"]):
            wrong.append("%s: stream %s failed for no reason: %s" % (session.name, one["stream"], one["message"]))
    return wrong


def printed_totals_wrong(session, tracks):
    """`melstream: N frames, N gaps (N frames), ...` is what its lines say."""
    said = re.search(r"^melstream: .*?(\d+) frames, (\d+) gaps.*$", session.error, re.MULTILINE)
    if said is None:
        return []
    n_frames = sum(block["n_frames"] for track in tracks for block in track.blocks())
    n_gaps = sum(len(track.gaps()) for track in tracks)
    if (int(said.group(1)), int(said.group(2))) != (n_frames, n_gaps):
        return ["%s: it got %d frames and %d gaps, and says: %s" % (session.name, n_frames, n_gaps, said.group(0))]
    return []


def totals_disagree(history):
    """The publisher's totals, the daemon's list, and what a reader of the whole stream was told."""
    wrong = []
    whole = collections.defaultdict(list)
    for track in model.all_tracks(history):
        if is_whole(track):
            whole[track.epoch].append(track)
    for life in history.lives:
        listed = life.listed if life.listed and life.listed["state"] == "ended" else None
        if life.totals and listed:
            for key in ("timeline_samples", "gap_samples"):
                if life.totals[key] != listed[key]:
                    wrong.append("life %s: the publisher was told %s %d, the list says %d" % (life.name, key,
                                                                                      life.totals[key], listed[key]))
        n_gap = life.totals["gap_samples"] if life.totals else listed["gap_samples"] if listed else None
        for track in whole[life.epoch]:
            told = sum(begin - end for end, begin, _, _ in audio_losses(track))
            if n_gap is not None and told != n_gap:
                wrong.append("%s: gaps of %d samples were told, the stream has %d" % (track, told, n_gap))
    return wrong


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
