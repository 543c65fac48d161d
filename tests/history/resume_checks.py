"""I6: resuming repeats, or tells why it cannot."""
import history as model
from tracks import SLACK_S, S_TO_NS, cut_short, life_is_held


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
