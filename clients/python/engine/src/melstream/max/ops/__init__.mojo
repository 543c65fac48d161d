"""A custom op of MAX graphs: log-mel features by melstream's engine. Python's melstream.max puts it into a graph."""
from .log_mel import LogMel, log_mel_shape
