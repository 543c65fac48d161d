// The CPU engine: rows of different streams, and of one stream, lie across SIMD lanes.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "melstream/engine/engine.hpp"

namespace melstream::engine::cpu {

struct Options {
  /// "auto", or one of targets().
  std::string simd = "auto";
  /// Threads that compute, the caller of submit() included. 1: submit() computes and poll() returns at once.
  int n_threads = 1;
  /// How long a thread without work looks for more before it sleeps, from which it wakes late: for ticks that follow
  /// each other closely.
  std::chrono::nanoseconds patience{0};
  Limits limits;
};

/// Instruction targets of this build that this machine can run and that "auto" may take, best first ("avx2", "sse4",
/// ...).
std::vector<std::string> targets();

/// Throws Error(kInvalidArgument, field simd) for an unknown or unsupported target, listing targets().
EngineInstance make_engine(const Options& options);

}  // namespace melstream::engine::cpu
