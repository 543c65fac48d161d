#!/usr/bin/env python3
"""Which folder may include which: the include directions of docs/architecture.md, one FILE:LINE per violation.

  scripts/check_layers.py               check the tree this script lies in
  scripts/check_layers.py --root DIR    check another tree
  scripts/check_layers.py --self-test   prove on made-up trees that violations are found

Exit status: 0 clean, 1 violations, 2 nothing to check.
"""
import argparse
import os
import re
import sys
import tempfile

# A rule lists folders of our own (a folder means its files, not its sub-folders; FOLDER/FILE means one header) and the
# third parties (keys of THIRD_PARTY) that a folder's files may include, besides themselves and the system's headers.
RULES = {
    "include/melstream": ([], []),  # what other programs include
    "src/melstream/core": ([], []),
    "src/melstream/engine": (["src/melstream/core"], []),
    "src/melstream/engine/cpu": (["src/melstream/core", "src/melstream/engine"], ["highway", "intrinsics"]),
    "src/melstream/engine/cuda": (["src/melstream/core", "src/melstream/engine"], ["cuda"]),
    "src/melstream/capi": (
        ["include/melstream", "src/melstream/core", "src/melstream/engine", "src/melstream/engine/cpu"], []),
    "src/melstream/audio": (["src/melstream/core"], ["portaudio", "alsa", "boost", "json", "soxr", "sndfile"]),
    "src/melstream/pipeline": (["src/melstream/core", "src/melstream/engine"], []),
    "src/melstream/access": (["src/melstream/core"], ["openssl"]),
    "src/melstream/rpc": (
        [
            "src/melstream/access",
            "src/melstream/core",
            "src/melstream/pipeline",
            # The definitions, not the computation.
            "src/melstream/engine/engine.hpp",
            "src/melstream/engine/framing.hpp",
            "src/melstream/engine/front_end.hpp",
            "src/melstream/engine/normalization.hpp",
        ],
        ["wire", "grpc", "protobuf", "boost", "openssl"],
    ),
    "daemon": (
        [
            "src/melstream/core",
            "src/melstream/engine",
            "src/melstream/engine/cpu",
            "src/melstream/engine/cuda",
            "src/melstream/audio",
            "src/melstream/access",
            "src/melstream/pipeline",
            "src/melstream/rpc",
            "daemon/page",
        ],
        ["wire", "grpc", "protobuf", "boost", "tomlplusplus", "cli11", "spdlog", "prometheus"],
    ),
    "daemon/page": (
        [
            "src/melstream/core",
            "src/melstream/engine",
            "src/melstream/audio",
            "src/melstream/pipeline",
            "src/melstream/rpc/server.hpp",
        ],
        ["boost", "json"],
    ),
    "client": ([], ["wire", "grpc", "protobuf", "cli11", "sndfile"]),
    "client/doctor": (["client"], ["wire", "protobuf", "json", "yaml", "archive", "openssl", "tomlplusplus"]),
    "client/load": (["client"], ["wire", "grpc", "protobuf"]),
    "client/listen": (["client"], ["wire", "protobuf"]),
    "client/recording": (["client"], ["wire", "grpc", "protobuf", "archive", "cli11"]),
    "client/top": (["client"], ["wire", "protobuf"]),
}

# Include prefixes of each third party. "wire" is what protoc makes of proto/.
THIRD_PARTY = {
    "alsa": ["alsa/"],
    "archive": ["archive.h", "archive_entry.h"],
    "wire": ["melstream/v1/"],
    "boost": ["boost/"],
    "cli11": ["CLI/"],
    "cuda": ["cuda", "cufft", "cub/", "thrust/", "nvtx"],
    "grpc": ["grpc/", "grpcpp/", "grpc++/", "absl/"],
    "highway": ["hwy/"],
    "intrinsics": ["immintrin.h", "x86intrin.h", "arm_neon.h"],
    "json": ["nlohmann/"],
    "openssl": ["openssl/"],
    "portaudio": ["portaudio.h", "pa_"],
    "prometheus": ["prometheus/"],
    "protobuf": ["google/"],
    "sndfile": ["sndfile.h", "sndfile.hh"],
    "soxr": ["soxr.h"],
    "spdlog": ["spdlog/", "fmt/"],
    "tomlplusplus": ["toml++/", "toml.hpp"],
    "yaml": ["yaml-cpp/"],
}

STANDARD_HEADER = re.compile(r"^[a-z_0-9]+$")
SYSTEM_HEADER = re.compile(
    r"^(sys/|netinet/|arpa/|net/|linux/|"
    r"(alloca|assert|cpuid|ctype|cxxabi|dirent|dlfcn|errno|execinfo|fcntl|fenv|getopt|grp|inttypes|limits|locale|malloc|"
    r"math|netdb|poll|pthread|pwd|sched|semaphore|signal|spawn|stddef|stdint|stdio|stdlib|string|strings|syslog|termios|time|"
    r"unistd)\.h$)"
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCE_ENDINGS = (".hpp", ".cpp", ".h", ".cc", ".cu", ".cuh", ".inl", ".ipp")


def includes_of(text):
    """Yields (line number, quote, path) of each #include that is not commented out."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_comment:
            if "*/" not in line:
                continue
            line = line.split("*/", 1)[1]
            in_comment = False
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)
            line = line[match.end():]
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//", 1)[0]
        code = re.sub(r"/\*.*?\*/", "", code)
        in_comment = "/*" in code


def folder_of(path):
    """The rule's folder that a path of the tree belongs to (the longest), or None."""
    best = None
    for folder in RULES:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def third_party_of(include):
    for name, prefixes in THIRD_PARTY.items():
        if any(include.startswith(prefix) for prefix in prefixes):
            return name
    return None


def target_of(root, path, quote, include):
    """What an include means: ("own", path), ("third", name), ("system", None) or ("unknown", None)."""
    name = third_party_of(include)
    if name is not None:
        return "third", name
    if include.startswith("melstream/"):
        is_public = include == "melstream/engine.h"
        return "own", ("include/" if is_public else "src/") + include
    if include.split("/", 1)[0] in ("daemon", "client", "tests", "bench") and "/" in include:
        return "own", include
    if quote == '"':
        beside = os.path.normpath(os.path.join(os.path.dirname(path), include))
        if os.path.isfile(os.path.join(root, beside)):
            return "own", beside
    if STANDARD_HEADER.match(include) or SYSTEM_HEADER.match(include):
        return "system", None
    return "unknown", None


def reason_against(folder, kind, target):
    """Why `folder` may not include the target, or None if it may."""
    own_allowed, third_allowed = RULES[folder]
    if kind == "system":
        return None
    if kind == "unknown":
        return "is neither ours nor a library that scripts/check_layers.py knows"
    if kind == "third":
        if target in third_allowed:
            return None
        return "%s may not use %s (allowed: %s)" % (folder, target, ", ".join(third_allowed) or "no third party")
    target_folder = folder_of(target)
    if target_folder == folder or target_folder in own_allowed or target in own_allowed:
        return None
    return "%s may not include %s (allowed: %s)" % (
        folder, target_folder or os.path.dirname(target), ", ".join(own_allowed) or "only itself")


def check_tree(root):
    """Returns (number of files looked at, list of violations as text)."""
    n_files = 0
    violations = []
    for top in sorted({folder.split("/", 1)[0] for folder in RULES}):
        for directory, subdirectories, files in os.walk(os.path.join(root, top)):
            subdirectories.sort()
            for name in sorted(files):
                if not name.endswith(SOURCE_ENDINGS):
                    continue
                full = os.path.join(directory, name)
                path = os.path.relpath(full, root)
                folder = folder_of(path)
                n_files += 1
                if folder is None:
                    violations.append("%s:1: belongs to no folder that has a rule" % path)
                    continue
                with open(full, encoding="utf-8", errors="replace") as file:
                    text = file.read()
                for number, quote, include in includes_of(text):
                    kind, target = target_of(root, path, quote, include)
                    reason = reason_against(folder, kind, target)
                    if reason:
                        violations.append('%s:%d: "%s": %s' % (path, number, include, reason))
    return n_files, violations


# (file, text, line of the violation or 0 for none)
SELF_TEST = [
    ("src/melstream/core/a.hpp", "#include <vector>\n#include <sys/mman.h>\n#include \"melstream/core/b.hpp\"\n", 0),
    ("src/melstream/core/a.hpp", "#include <vector>\n#include \"melstream/engine/engine.hpp\"\n", 2),
    ("src/melstream/core/a.hpp", "#include <spdlog/spdlog.h>\n", 1),
    ("src/melstream/core/a.hpp", "#include <unheard/of.hpp>\n", 1),
    ("src/melstream/engine/a.cpp", "#include \"melstream/core/units.hpp\"\n", 0),
    ("src/melstream/engine/a.cpp", "#include \"melstream/engine/cpu/cpu_engine.hpp\"\n", 1),
    ("src/melstream/engine/a.cpp", "#include \"hwy/highway.h\"\n", 1),
    ("src/melstream/engine/cpu/a.cpp", "#include <hwy/highway.h>\n#include \"melstream/engine/tables.hpp\"\n", 0),
    ("src/melstream/engine/cpu/a.cpp", "#include \"melstream/pipeline/stream.hpp\"\n", 1),
    ("src/melstream/audio/a.cpp", "#include <soxr.h>\n#include <boost/asio/io_context.hpp>\n", 0),
    ("src/melstream/audio/a.cpp", "#include \"melstream/engine/framing.hpp\"\n", 1),
    ("src/melstream/pipeline/a.cpp", "#include \"melstream/engine/engine.hpp\"\n", 0),
    ("src/melstream/pipeline/a.cpp", "#include \"melstream/engine/cpu/cpu_engine.hpp\"\n", 1),
    ("src/melstream/pipeline/a.cpp", "#include \"melstream/v1/types.pb.h\"\n", 1),
    ("src/melstream/rpc/a.cpp", "#include <grpcpp/grpcpp.h>\n#include \"melstream/v1/types.pb.h\"\n", 0),
    ("src/melstream/rpc/a.cpp", "#include \"melstream/engine/front_end.hpp\"\n", 0),
    ("src/melstream/rpc/a.cpp", "#include \"melstream/engine/tables.hpp\"\n", 1),
    ("src/melstream/rpc/a.cpp", "#include \"melstream/audio/ingest.hpp\"\n", 1),
    ("daemon/a.cpp", "#include \"melstream/rpc/server.hpp\"\n#include <toml++/toml.h>\n#include \"daemon/b.hpp\"\n", 0),
    ("daemon/a.cpp", "#include \"client/npy.hpp\"\n", 1),
    ("src/melstream/capi/a.cpp", "#include \"melstream/engine.h\"\n#include \"melstream/engine/cpu/cpu_engine.hpp\"\n", 0),
    ("src/melstream/capi/a.cpp", "#include \"melstream/pipeline/stream.hpp\"\n", 1),
    ("src/melstream/engine/a.cpp", "#include \"melstream/engine.h\"\n", 1),
    ("include/melstream/engine.h", "#include <stdint.h>\n#include <hwy/highway.h>\n", 2),
    ("client/a.cpp", "#include <CLI/CLI.hpp>\n#include \"melstream/v1/types.pb.h\"\n#include <sndfile.h>\n", 0),
    ("client/a.cpp", "\n#include \"melstream/core/units.hpp\"\n", 2),
    ("client/a.cpp", "/* #include \"melstream/core/units.hpp\"\n#include \"melstream/core/units.hpp\" */\n"
                     "// #include \"melstream/core/units.hpp\"\n", 0),
    ("client/a.cpp", "const char* text = \"/*\";\n#include \"melstream/core/units.hpp\"\n", 2),
    ("src/melstream/other/a.cpp", "\n", 1),
]


def self_test():
    failures = 0
    for path, text, want in SELF_TEST:
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
            _, violations = check_tree(root)
        expected = [] if want == 0 else ["%s:%d" % (path, want)]
        found = [":".join(violation.split(":", 2)[:2]) for violation in violations]
        if found != expected:
            failures += 1
            print("self-test: %s with %r: found %s, expected %s" % (path, text, found, expected))
    print("check_layers self-test: %d of %d cases right" % (len(SELF_TEST) - failures, len(SELF_TEST)))
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    n_files, violations = check_tree(options.root)
    for violation in violations:
        print(violation)
    if n_files == 0:
        print("check_layers: no source files under %s" % options.root, file=sys.stderr)
        return 2
    print("check_layers: %d files, %d violations" % (n_files, len(violations)))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
