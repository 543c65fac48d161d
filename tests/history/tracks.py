"""What several checks of histories need: what a track has, which losses are known, when an error is explained."""
import collections

import framing
import history as model

# A wall clock's and a loaded machine's allowance where an instant is judged.
SLACK_S = 1.5
S_TO_NS = 10 ** 9


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


def instance_of(history, track):
    life = history.life_of(track.epoch)
    return life.instance if life else None


def last_words(session):
    lines = session.error.strip().splitlines()
    return lines[-1] if lines else ""


def history_tracks_of(history, epoch):
    return [track for track in model.all_tracks(history) if track.epoch == epoch]
