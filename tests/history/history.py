"""What was seen in one run, as values: the lives of streams as their publishers know them, what each subscription was told,
what the daemon said of itself meanwhile. Read from a run's folder of JSON lines; made by hand in tests."""
import dataclasses
import json
import os
import struct
import zlib

# Responses that say where the next frame of a stream stands.
PLACED = ("block", "gap", "discontinuity", "end", "failure")
# Gaps that say nothing about the audio: only this reader has them.
READERS_OWN = ("SUBSCRIBER_SLOW", "HISTORY_EVICTED")


@dataclasses.dataclass
class Life:
    """One opening of a stream by one publisher."""
    name: str
    stream: str
    instance: int = 0  # which daemon process, from 0
    kind: str = "push"  # push, rtp, tcp
    pace: str = "realtime"  # fast: a file that waits for readers with the policy block
    labels: dict = dataclasses.field(default_factory=dict)
    pcm_seed: int = 0
    n_sent: int = 0  # samples that may have reached the daemon: [0, n_sent) of the seed, less those lost
    lost: list = dataclasses.field(default_factory=list)  # [begin, end) that certainly did not, at the source's rate
    epoch: str = None
    totals: dict = None  # as the publisher was told at the end
    listed: dict = None  # the last that ListStreams said
    exit_code: int = None
    error: str = ""
    began_ns: int = 0
    ended_ns: int = None

    def timeline(self):
        """Samples at the end; None if nobody was told."""
        if self.totals:
            return self.totals["timeline_samples"]
        if self.listed and self.listed["state"] == "ended":
            return self.listed["timeline_samples"]
        return None


@dataclasses.dataclass
class Session:
    """One call of Subscribe, or those that a reconnecting client made for one."""
    name: str
    subscriber: str  # who called; calls of one are numbered by their order
    request: dict  # front_end, smoothing, element_type, normalization, many, streams, policy, start, resumes: see Resume
    responses: list = dataclasses.field(default_factory=list)
    exit_code: int = None  # None: killed
    error: str = ""  # what it wrote to standard error
    killed: bool = False  # by SIGKILL
    interrupted: bool = False  # by SIGINT, at the end of the run
    hampered: bool = False  # stopped, or its output was not read
    began_ns: int = 0
    ended_ns: int = None

    def features(self):
        """What decides the values of a frame."""
        request = self.request
        return (request["front_end"], request.get("smoothing", "none"), request.get("normalization", "none"),
                request.get("element_type", "f32"))


@dataclasses.dataclass
class Instance:
    """One daemon process."""
    number: int
    began_ns: int = 0
    stop_ns: int = None  # when it was told to end, or killed
    how: str = None  # kill, drain
    exit_code: int = None
    may_time_out: bool = False  # a subscriber was stopped while it drained
    totals: dict = None  # the numbers of its log's last line but one, if it came so far


@dataclasses.dataclass
class History:
    lives: list = dataclasses.field(default_factory=list)
    sessions: list = dataclasses.field(default_factory=list)
    instances: list = dataclasses.field(default_factory=list)
    polls: list = dataclasses.field(default_factory=list)  # {"t_ns", "instance", "info", "streams", "sources"}
    faults: list = dataclasses.field(default_factory=list)  # {"t_ns", "do", "target", "until_ns"}
    history_s: float = 4.0
    always: list = dataclasses.field(default_factory=list)  # front ends that are computed for every stream
    network: list = dataclasses.field(default_factory=list)  # of an RTP life: {"life", "packet_samples", "sent", "dropped"}

    def life_of(self, epoch):
        return next((life for life in self.lives if life.epoch == epoch), None)


class Track:
    """What one session was told of one life of one stream: from a start to whatever was last."""

    def __init__(self, session, start):
        self.session = session
        self.start = start
        self.stream = start["stream"]
        self.epoch = start["epoch"]
        self.items = []
        self.end = None
        self.failure = None
        self.broken = False  # another start of the same stream followed without an end: the call was made anew
        self.interleaved = False  # something of it came after the start of the stream's next life

    def __str__(self):
        return "%s: %s, epoch %s" % (self.session.name, self.stream, self.epoch)

    def blocks(self):
        return [one for one in self.items if one["type"] == "block"]

    def gaps(self):
        return [one for one in self.items if one["type"] == "gap"]

    def holes(self):
        return [one for one in self.items if one["type"] in ("gap", "discontinuity")]


def tracks_of(session):
    """The tracks of a session, and what belongs to none (heartbeats, failures before a start, strays)."""
    tracks, strays, current, newest = [], [], {}, {}
    for one in session.responses:
        kind = one["type"]
        stream = one.get("stream")
        key = (stream, one.get("epoch"))
        if kind == "start":
            if key in current:
                current[key].broken = True
            if session.request.get("reconnect"):
                # The call was lost, and what it was told with it.
                for other in [other for other in current if other[0] == stream]:
                    current[other].broken = True
            newest[stream] = current[key] = Track(session, one)
            tracks.append(current[key])
        elif kind == "failure" and "EPOCH_CHANGED" in one["message"]:
            # Of a token: the call before was lost.
            if key in current:
                current.pop(key).broken = True
            strays.append(one)
        elif kind in PLACED and key in current:
            track = current[key]
            track.items.append(one)
            track.interleaved |= track is not newest[stream]
            if kind == "end":
                track.end = one
                del current[key]
            elif kind == "failure":
                track.failure = one
                del current[key]
        else:
            strays.append(one)
    return tracks, strays


def all_tracks(history):
    return [track for session in history.sessions for track in tracks_of(session)[0]]


# As the client names them, and as they are named here.
NAMES = {"frame_count": "n_frames", "capture_time_ns": "capture_ns", "received_time_ns": "received_ns", "frame_crc32": "crc"}


def normalized(response):
    """A line of the client without its values: those are told apart by their CRC."""
    one = {NAMES.get(key, key): value for key, value in response.items()}
    values = one.pop("values", None)
    if one["type"] == "block" and values is not None:
        crcs = value_crcs(values)
        if one.setdefault("crc", crcs) != crcs:
            raise AssertionError("the client's CRCs at frame %d are not those of its values" % one["first_frame"])
    return one


def value_crcs(rows):
    """One number a frame, of its float32 bytes."""
    return [zlib.crc32(struct.pack("<%df" % len(row), *(float("nan") if v is None else v for v in row)))
            for row in rows]


def read_lines(path):
    """JSON lines; a last one that was torn by a kill is left out."""
    lines = []
    if not os.path.exists(path):
        return lines
    with open(path, "rb") as file:
        for line in file.read().split(b"\n")[:-1]:
            lines.append(json.loads(line))
    return lines


def logged_totals(path):
    """The line `totals` of a daemon's log."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if len(words) > 2 and words[2] == "totals":
                return {key: int(value) for key, value in (word.split("=") for word in words[3:])}
    return None


def load(folder):
    """Reads a run's folder."""
    history = History()
    lives, sessions, instances = {}, {}, {}
    for event in read_lines(os.path.join(folder, "run.jsonl")):
        kind = event.pop("event")
        if kind == "run":
            history.history_s = event["history_s"]
            history.always = event["always"]
        elif kind == "life":
            lives.setdefault(event["name"], Life(event["name"], event.get("stream", ""))).__dict__.update(event)
        elif kind == "session":
            sessions.setdefault(event["name"], Session(event["name"], event.get("subscriber", ""), {})).__dict__.update(event)
        elif kind == "instance":
            instances.setdefault(event["number"], Instance(event["number"])).__dict__.update(event)
        elif kind == "fault":
            history.faults.append(event)
        elif kind == "network":
            history.network.append(event)
    history.lives = list(lives.values())
    history.sessions = list(sessions.values())
    history.instances = list(instances.values())
    for session in history.sessions:
        session.responses = [normalized(one) for one in read_lines(os.path.join(folder, session.name + ".jsonl"))]
    for instance in history.instances:
        instance.totals = logged_totals(os.path.join(folder, "daemon.%d.log" % instance.number))
    history.polls = read_lines(os.path.join(folder, "server.jsonl"))
    match_epochs(history)
    return history


def match_epochs(history):
    """Whose epoch is whose: totals say it, and the lists of streams by the label `life`."""
    by_name = {life.name: life for life in history.lives}
    for poll in history.polls:
        for stream in poll.get("streams") or []:
            life = by_name.get(stream["labels"].get("life"))
            if life is not None:
                life.epoch = stream["epoch"]
                life.listed = stream
    for life in history.lives:
        if life.totals:
            life.epoch = life.totals["epoch"]
