// What this build is: the one place that knows version and commit.
#pragma once

namespace melstream::engine {

/// Semantic version, e.g. "0.1.0". All three are static texts, never null.
const char* version() noexcept;
/// Of git as of configuring, twelve digits; empty for a release tarball.
const char* commit() noexcept;
/// Equal only in programs and plugins that may exchange C++ objects: version, commit, compiler, build type, sanitizer,
/// e.g. "0.1.0 d15d7ca7f6a2 GCC 12.2.0 RelWithDebInfo none".
const char* build_id() noexcept;

}  // namespace melstream::engine
