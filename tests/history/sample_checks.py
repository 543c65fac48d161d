"""I1 and I2: samples that add up, and frames where their samples put them."""
import history as model
from tracks import audio_losses, history_tracks_of, is_whole, losses_by_epoch, rows_of, segments_of


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
