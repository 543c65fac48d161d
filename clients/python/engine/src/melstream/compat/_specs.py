"""Options of other libraries as front ends of the engine: what is refused, and front ends by their fields, made once."""
import functools

from melstream import engine

SAMPLE_RATE_HZ = 16000
FLOAT_EPSILON = 1.1920928955078125e-07


def refuse(parameter, given, taken):
    """taken: "is ..." or "are ..."."""
    raise ValueError("%s: is %r; taken %s" % (parameter, given, taken))


def require(is_good, parameter, given, taken):
    if not is_good:
        refuse(parameter, given, taken)


def require_rate(parameter, given):
    require(given == SAMPLE_RATE_HZ, parameter, given, "is %d: resample first" % SAMPLE_RATE_HZ)


def front_end(name, given, **fields):
    """The front end of these fields (keys of a spec, as engine.FrontEnd(...).spec prints them).

    given: what the caller calls a field, and its value: {"n_mels": ("num_mel_bins", 600)}. An error of the engine names it.
    """
    spec = "\n".join("%s=%s" % (key, _text(value)) for key, value in fields.items())
    try:
        return _made(name, spec)
    except ValueError as error:
        for key, (parameter, value) in given.items():
            # "front end 'NAME': KEY: ..." or "KEY = '...': ..."
            if " %s:" % key in str(error) or str(error).startswith(key + " "):
                raise ValueError("%s: is %r, which the engine does not take: %s" % (parameter, value, error)) from None
        raise


@functools.lru_cache(maxsize=256)
def _made(name, spec):
    return engine.FrontEnd.from_spec(spec, name)


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)
