"""A private daemon."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Optional

from .. import client as _client
from .. import _address
from ..errors import DaemonUnavailable, Error

START_TIMEOUT_S = 30.0

#: Streams keep audio, so that window() can be asked for.
DEFAULT_CONFIG = "[stream]\naudio_history_s = 40\n"


def find_program(name: str = "melstreamd") -> str:
    """In the folder that MELSTREAM_BIN names, or on the path. Raises DaemonUnavailable."""
    folder = os.environ.get("MELSTREAM_BIN")
    found = shutil.which(name, path=folder) if folder else shutil.which(name)
    if found is None:
        raise DaemonUnavailable(
            "%s is not %s: build or install melstream, or set MELSTREAM_BIN to the folder of its programs"
            % (name, "in MELSTREAM_BIN=" + folder if folder else "on the path")
        )
    return os.path.abspath(found)


class Daemon:
    """A melstreamd of its own on a unix socket in a temporary folder. config: more TOML for its config file, without
    [server] and [metrics]; listen: HOST:PORT and tls:HOST:PORT."""

    def __init__(self, config: str = DEFAULT_CONFIG, listen: Optional[List[str]] = None):
        program = find_program()
        self.folder = Path(tempfile.mkdtemp(prefix="melstream-"))
        self.server = "unix:%s" % (self.folder / "melstream.sock")
        self._config = self.folder / "melstream.toml"
        plain = [one for one in listen or [] if not one.startswith("tls:")]
        tls = [one[len("tls:"):] for one in listen or [] if one.startswith("tls:")]
        # A list of plain strings is written the same in JSON and TOML.
        self._config.write_text(
            '[server]\nsocket = "%s"\nlisten = %s\nlisten_tls = %s\n[metrics]\nlisten = ""\n%s\n'
            % (self.folder / "melstream.sock", json.dumps(plain), json.dumps(tls), config), encoding="utf-8")
        self._command = [program, "--config", str(self._config)]
        self.process: Any = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Also again, in the same place, after kill(). Raises DaemonUnavailable. Blocks until it answers."""
        with open(self.folder / "daemon.log", "ab") as log:
            # close_fds=False lets Python spawn instead of fork, which gRPC's threads do not always survive.
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False)
        end = time.monotonic() + START_TIMEOUT_S
        pause_s = 0.005
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise DaemonUnavailable("melstreamd did not start; its log:\n" + self.log)
            time.sleep(pause_s)
            pause_s = min(0.2, 1.5 * pause_s)

    def _answers(self) -> bool:
        try:
            _address.find([_address.parse(self.server)])
            return True
        except Error:
            return False

    def kill(self) -> None:
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()

    def connect(self, **keywords: Any) -> _client.Client:
        return _client.connect(self.server, **keywords)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def daemon(config: str = DEFAULT_CONFIG, listen: Optional[List[str]] = None) -> Iterator[Daemon]:
    """`with melstream.testing.daemon() as daemon, daemon.connect() as client:`. Raises DaemonUnavailable."""
    one = Daemon(config, listen)
    try:
        yield one
    finally:
        one.close()
