"""Audio whose every sample tells its place: noise computed from a seed and the sample's index, so that any part of it can
be made again, and no two parts are alike."""
import numpy

GOLDEN_RATIO = numpy.uint64(0x9E3779B97F4A7C15)
# Loudness changes that often, in samples: not a multiple of any hop.
STEP = 1500


def mixed(values):
    """splitmix64's last step: each index gets 64 bits that look random."""
    with numpy.errstate(over="ignore"):
        values = (values ^ (values >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return values ^ (values >> numpy.uint64(31))


def samples(seed, begin, end):
    """16-bit samples [begin, end) of the audio of a seed."""
    index = numpy.arange(begin, end, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        key = mixed(numpy.array([seed], numpy.uint64) * GOLDEN_RATIO)[0]
        noise = mixed(key + index * GOLDEN_RATIO)
        step = mixed(~key + (index // numpy.uint64(STEP)) * GOLDEN_RATIO)
    # -30 to 0 dB of half scale.
    gain = 0.5 * 10.0 ** (-1.5 * (step >> numpy.uint64(40)).astype(numpy.float64) / 2 ** 24)
    full = (noise >> numpy.uint64(48)).astype(numpy.float64) - 32768.0
    return numpy.rint(full * gain).astype("<i2")
