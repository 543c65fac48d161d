"""Audio that is found again wherever it lies in a process: a few random samples, over and over, so that any 64 bytes of them
hold one needle, in the source's encoding and as float32."""
import random
import struct

PERIOD = 12  # samples: 24 bytes of 16-bit PCM, 48 of float32, so that each 64 bytes hold a needle of 16 whole
NEEDLE = 16  # bytes


def mulaw(code):
    """ITU-T G.711, as 16-bit."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


class Marker:
    """`encoding`: LINEAR16, FLOAT32 or MULAW."""

    def __init__(self, encoding="LINEAR16", seed=0):
        source = random.Random(repr(("melstream marker", encoding, seed)))
        # float32 of them is exact.
        self.samples = [2 * source.randrange(-8000, 8000) + 1 for _ in range(PERIOD)]
        self.encoding = encoding
        if encoding == "MULAW":
            codes = [source.randrange(256) for _ in range(4 * PERIOD)]
            self.period = bytes(codes)
            self.samples = [mulaw(code) for code in codes]
            self.needles = {"mu-law": self.period[:NEEDLE], "float32": struct.pack("<4f", *(s / 32768 for s in self.samples[:4])),
                            "16-bit": struct.pack("<8h", *self.samples[:8])}
            return
        floats = struct.pack("<%df" % PERIOD, *(s / 32768 for s in self.samples))
        little = struct.pack("<%dh" % PERIOD, *self.samples)
        self.period = floats if encoding == "FLOAT32" else little
        big = struct.pack(">%dh" % PERIOD, *self.samples)
        self.needles = {"float32": floats[:NEEDLE], "16-bit": little[:NEEDLE], "16-bit big-endian": big[:NEEDLE]}
        self.big_endian_period = big

    def seconds(self, n, rate=16000, big_endian=False):
        period = self.big_endian_period if big_endian else self.period
        sample_bytes = len(period) // len(self.samples)
        whole = period * (int(n * rate) // len(self.samples) + 1)
        return whole[:int(n * rate) * sample_bytes]

    def find(self, pid):
        """Where it lies in writable memory of the process: (what, address, mapping), stack and heap included."""
        found = []
        with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
            for line in maps:
                fields = line.split()
                if not fields[1].startswith("rw"):
                    continue
                begin, end = (int(text, 16) for text in fields[0].split("-"))
                found += self._find_in(memory, begin, end, fields[5] if len(fields) > 5 else "anonymous")
        return found

    def _find_in(self, memory, begin, end, name):
        found = []
        step = 16 << 20
        for at in range(begin, end, step):
            try:
                memory.seek(at)
                content = memory.read(min(step + NEEDLE, end - at))
            except OSError:
                continue  # a guard page, or unmapped meanwhile
            for what, needle in self.needles.items():
                place = content.find(needle)
                while place >= 0 and len(found) < 1000:
                    found.append((what, at + place, name))
                    place = content.find(needle, place + 1)
        return found


def describe(found):
    """Runs of finds, for people."""
    runs = []
    for what, address, name in sorted(found, key=lambda one: (one[2], one[0], one[1])):
        if runs and runs[-1][0] == what and runs[-1][3] == name and address - runs[-1][2] <= 96:
            runs[-1][2] = address
        else:
            runs.append([what, address, address, name])
    return "; ".join("%s at %x, %d bytes, in %s" % (what, first, last - first + NEEDLE, name)
                     for what, first, last, name in runs[:20])
