// What this build is.
#pragma once

#include <string>

namespace melstream::daemon {

/// Semantic version, e.g. "0.1.0".
std::string version();
/// Version and commit, e.g. "0.1.0 (d15d7ca7f6a2)"; without a commit (a release tarball) the version alone.
std::string build();
/// Lines for people: build, compiler, libraries, engine targets that this machine can run, where a CUDA plugin lies.
std::string describe_version();

}  // namespace melstream::daemon
