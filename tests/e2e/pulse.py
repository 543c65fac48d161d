"""A PulseAudio of its own whose null sinks are microphones: what is played into one is captured from its monitor, to the bit."""
import os
import shutil
import signal
import subprocess

import harness

PROGRAMS = ("pulseaudio", "pactl", "paplay")


def missing():
    return [name for name in PROGRAMS if shutil.which(name) is None]


class PulseServer:
    """One server in a folder; environment() is what a program needs to reach it, and nobody else's."""

    def __init__(self, folder, rate=16000):
        self.folder = folder
        self.rate = rate
        os.chmod(folder, 0o700)
        self.socket = os.path.join(folder, "pulse.sock")
        self.process = None
        self.start()

    def environment(self, **more):
        given = dict(os.environ, HOME=self.folder, XDG_RUNTIME_DIR=self.folder, PULSE_RUNTIME_PATH=self.folder + "/rt",
                     PULSE_STATE_PATH=self.folder + "/state", PULSE_SERVER="unix:" + self.socket)
        given.update(more)
        return given

    def start(self):
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
             "--high-priority=no", "--log-target=stderr", "-L",
             "module-native-protocol-unix socket=%s auth-anonymous=1" % self.socket, "-L",
             "module-null-sink sink_name=mic format=s16le rate=%d channels=1 norewinds=1" % self.rate],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: self.control("info").returncode == 0, "the sound server's start")

    def control(self, *arguments):
        return subprocess.run(["pactl", *arguments], env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              check=False, timeout=harness.DEADLINE_S)

    def play(self, path):
        return subprocess.Popen(["paplay", "--device=mic", path], env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
