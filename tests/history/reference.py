"""What frames should have been: the audio of each segment, made again from its seed, as a file of its own through another
daemon of the same build. (That such features are those of the genuine front ends is what tests/golden shows.)"""
import os
import zlib

import numpy

import harness
import history as model
import pcm
from tracks import is_whole, losses_by_epoch, rows_of, segments_of

# Segments of one life that are computed; of more, some from everywhere.
MAX_SEGMENTS = 40


def crcs(rows, element_type):
    if element_type == "f16":
        rows = numpy.clip(rows, -65504.0, 65504.0).astype("<f2").astype("<f4")
    return [zlib.crc32(row.tobytes()) for row in numpy.ascontiguousarray(rows, "<f4")]


def can_be_made(life, tracks):
    """Whether each timeline sample's value is known."""
    return life is not None and (life.kind != "rtp" or any(is_whole(track) for track in tracks))


def compute(history, daemon):
    """{(epoch, features): {first sample: CRC}} for all that sessions got without normalization."""
    by_key, by_epoch = {}, {}
    for track in model.all_tracks(history):
        by_epoch.setdefault(track.epoch, []).append(track)
        if track.session.features()[2] == "none":
            by_key.setdefault((track.epoch, track.session.features()), []).append(track)
    losses = losses_by_epoch(history)
    made = {}
    reference = {}
    for (epoch, features), tracks in by_key.items():
        life = history.life_of(epoch)
        if not can_be_made(life, by_epoch[epoch]):
            continue
        front_end, smoothing, _, element_type = features
        rows = rows_of(tracks[0])
        expected = reference.setdefault((epoch, features), {})
        segments = segments_of(history, epoch, losses)
        for begin, end in segments[::-1][::-(-len(segments) // MAX_SEGMENTS)]:
            key = (life.pcm_seed, begin, life.n_sent if end is None else end, front_end, smoothing)
            if key not in made:
                made[key] = extract(daemon, *key)
            for i, crc in enumerate(crcs(made[key], element_type)):
                expected[begin + rows.offset() + i * rows.stride()] = crc
        if life.timeline() is None and any(track.end for track in by_epoch[epoch]):
            # Where the audio ended is not known, and the last frames depend on it.
            last = max((block["first_sample"] + block["n_frames"] * rows.stride() for track in tracks
                        for block in track.blocks()), default=0)
            for sample in [one for one in expected if one > last - 10 * rows.stride()]:
                del expected[sample]
    return reference


def extract(daemon, seed, begin, end, front_end, smoothing):
    path = harness.wav(os.path.join(daemon.folder, "segment.wav"), pcm.samples(seed, begin, end))
    result, features = daemon.extract(path, front_end, "--smoothing", smoothing)
    if features is None:
        if end - begin <= 640:  # too short for a frame
            return numpy.zeros((0, 1), "<f4")
        raise AssertionError("extract ended with %d: %s" % (result.returncode, result.stderr))
    return features
