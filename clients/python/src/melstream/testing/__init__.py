"""For tests: a private daemon, and whether its numbers are those of the genuine libraries."""
from ._daemon import DEFAULT_CONFIG, Daemon, daemon, find_program
from ._parity import Parity, parity

__all__ = ["DEFAULT_CONFIG", "Daemon", "Parity", "daemon", "find_program", "parity"]
