"""I10: everybody ends with an end or an explained error, and the totals agree."""
import collections
import re

import history as model
from tracks import audio_losses, cut_short, instance_of, is_whole, last_words


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
