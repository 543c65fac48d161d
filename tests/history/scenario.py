"""From a seed, what is to happen: who publishes, who subscribes, and what goes wrong when. A plan is plain JSON, so that one
that found a mistake can be kept and run again even when this generator has changed (regressions/)."""
import random

FRONT_ENDS = ("whisper-80", "whisper-80", "kaldi-80", "nemo-80", "paraformer-560")
ROOMS = ("kitchen", "hall")
FAULTS = ("kill_daemon", "drain_daemon", "kill_subscriber", "kill_subscriber", "kill_subscriber", "stop_subscriber", "do_not_read",
          "cut", "stall", "kill_publisher", "take_over", "end_publisher", "stop_daemon")


def make(seed, seconds, many):
    """many: whether subscriptions to many streams may be made."""
    rand = random.Random(seed)
    if seed % 10 == 0:
        return make_isolation(rand, seed, seconds)
    history_s = rand.choice((2, 3, 4)) if seconds < 12 else rand.choice((3, 5, 8))
    publishers = [make_publisher(rand, number, seconds) for number in range(rand.randint(2, 3))]
    plan = {"seed": seed, "seconds": seconds, "history_s": history_s,
            "always": [], "publishers": publishers, "subscribers": [], "faults": []}
    front_ends = rand.sample(sorted(set(FRONT_ENDS)), 2)
    # Else a front end is computed from a moment after its first subscription on, and nobody is told of all segments.
    if rand.random() < 0.8:
        plan["always"] = front_ends
    # One that is told of everything, for each stream and front end, so that all segments are known.
    for front_end in front_ends:
        if many:
            plan["subscribers"].append(make_subscriber(rand, "all-" + front_end, "all", front_end, witness=True))
        else:
            plan["subscribers"] += [make_subscriber(rand, "w-%s-%s" % (one["id"], front_end), [one["id"]], front_end,
                                                    witness=True) for one in publishers]
    ids = [one["id"] for one in publishers]
    for number in range(rand.randint(3, 5)):
        choices = [[rand.choice(ids)]] * 3
        if many:
            choices += ["all", "room=" + rand.choice(ROOMS), rand.sample(ids, 2)]
        plan["subscribers"].append(make_subscriber(rand, "s%d" % number, rand.choice(choices), rand.choice(front_ends)))
    if rand.random() < 0.25:
        add_file(rand, plan, front_ends[0])
    plan["faults"] = make_faults(rand, plan)
    return plan


def add_file(rand, plan, front_end):
    """A file at full speed, which waits for one reader, and for no other."""
    plan["publishers"].append({"id": "file", "kind": "push", "pace": "fast", "labels": {}, "at": 0.5, "again": 2.5,
                               "seconds": rand.choice((20, 60)), "chunk": rand.choice((160, 1600))})
    reader = make_subscriber(rand, "block", ["file"], front_end)
    reader.update(start="frame:0", policy="block", at=0.0, again=0.3, resume=False, reconnect=False)
    plan["subscribers"].append(reader)


def make_isolation(rand, seed, seconds):
    """Readers that are measured, the second half of the time beside others that were stopped."""
    stream = {"id": "push0", "kind": "push", "labels": {}, "at": 0.1, "seconds": seconds, "again": 0.3, "chunk": 160}
    plan = {"seed": seed, "seconds": seconds, "history_s": 2, "always": ["whisper-80"], "publishers": [stream],
            "subscribers": [], "faults": []}
    half = seconds / 2
    for when, at in (("before", 0.5), ("beside", half + 0.3)):
        for number in range(3):
            one = make_subscriber(rand, "%s-%d" % (when, number), ["push0"], "whisper-80", witness=True)
            one.update(start="live", at=at, again=None, block=4, max_delay_ms=50, frames=int((half - 1.2) * 100))
            plan["subscribers"].append(one)
    for number in range(4):
        one = make_subscriber(rand, "stopped-%d" % number, ["push0"], "whisper-80")
        one.update(start="live", at=0.3, via="unix", policy="drop_oldest")
        plan["subscribers"].append(one)
        plan["faults"].append({"at": half, "do": "stop_subscriber", "target": one["id"], "seconds": half})
    return plan


def make_publisher(rand, number, seconds):
    kind = rand.choice(("push", "push", "rtp", "tcp"))
    plan = {"id": "%s%d" % (kind, number), "kind": kind, "labels": {"room": rand.choice(ROOMS)},
            "at": round(rand.uniform(0.2, 1.0), 2), "seconds": round(rand.uniform(0.5, 1.2) * seconds, 2), "again": 0.3,
            "chunk": rand.choice((80, 160, 320, 333, 1600))}
    if kind == "rtp":
        plan.update(packet_samples=rand.choice((80, 160, 320, 320, 480)), drop=rand.choice((0.0, 0.01, 0.05)),
                    double=rand.choice((0.0, 0.05)), hold=rand.choice((0.0, 0.05)),
                    conceal=rand.choice(("none", "none", "none", "zero", "hold")))
    if kind == "tcp":
        plan["via"] = rand.choice(("direct", "proxy"))
    return plan


def make_subscriber(rand, name, streams, front_end, witness=False):
    """A witness asks for all frames, and is left in peace."""
    plan = {"id": name, "streams": streams, "front_end": front_end, "smoothing": "none", "element_type": "f32",
            "block": rand.choice((1, 4, 4, 10, 50)), "max_delay_ms": rand.choice((20, 50, 200)), "policy": "drop_oldest",
            "start": "frame:0", "via": "unix", "out": "file", "at": 0.0, "again": 0.4, "resume": False, "witness": witness}
    if streams == "all" or isinstance(streams, str) or len(streams) > 1:
        # A witness begins with the first frame also of what was opened a moment before it came.
        plan["start"] = "back:1.8" if witness else rand.choice(("live", "back:1.5"))
    elif not witness:
        plan["start"] = rand.choice(("live", "back:1.5", "frame:0", "frame:150"))
    if witness:
        return plan
    plan.update(element_type=rand.choice(("f32", "f32", "f16")), via=rand.choice(("unix", "tcp", "proxy")),
                out=rand.choice(("file", "pipe")), at=round(rand.uniform(0.0, 3.0), 2), resume=rand.choice((False, "token", "token", "file")),
                again=rand.choice((0.1, 0.5, 1.0, 4.0)), no_ack=rand.random() < 0.3, reconnect=rand.random() < 0.25,
                values=rand.random() < 0.1)
    if front_end != "paraformer-560":
        plan["smoothing"] = rand.choice(("none", "none", "none", "box3x3", "box3x3-valid"))
    if rand.random() < 0.2:
        plan["policy"] = "disconnect"
    return plan


def make_faults(rand, plan):
    faults = []
    readers = [one["id"] for one in plan["subscribers"] if not one["witness"]]
    pipes = [one["id"] for one in plan["subscribers"] if one["out"] == "pipe"]
    writers = [one["id"] for one in plan["publishers"]]
    pushers = [one["id"] for one in plan["publishers"] if one["kind"] == "push"]
    targets = {"kill_subscriber": readers, "stop_subscriber": readers, "do_not_read": pipes, "kill_publisher": writers,
               "take_over": pushers, "end_publisher": writers}
    for _ in range(rand.randint(2, 5)):
        fault = {"at": round(rand.uniform(1.5, plan["seconds"] - 1.0), 2), "do": rand.choice(FAULTS)}
        if fault["do"] in targets:
            if not targets[fault["do"]]:
                continue
            fault["target"] = rand.choice(targets[fault["do"]])
        if fault["do"] in ("stop_subscriber", "do_not_read"):
            fault["seconds"] = round(rand.uniform(0.5, plan["history_s"] + 2.0), 2)
        if fault["do"] in ("stall", "stop_daemon"):
            fault["seconds"] = round(rand.uniform(0.3, 1.8), 2)
        if fault["do"] in ("kill_daemon", "drain_daemon"):
            fault["seconds"] = round(rand.uniform(0.1, 0.8), 2)
        faults.append(fault)
    # A daemon that ends twice in one short run leaves nothing to look at.
    ends = [fault for fault in faults if fault["do"] in ("kill_daemon", "drain_daemon")]
    faults = [fault for fault in faults if fault not in ends[1:]]
    return sorted(faults, key=lambda fault: fault["at"])
