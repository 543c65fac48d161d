// The border between the daemon and an engine that is a shared library of its own (libmelstream_cuda.so): one C symbol
// that leads to a table. Only once version and build id of the table are found equal does anything C++ cross it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::engine {

/// Counts changes of PluginEntry itself. What lies behind it is held together by the build id.
inline constexpr std::uint32_t kPluginAbiVersion = 2;

/// Name of the symbol: `extern "C" const melstream::engine::PluginEntry* melstream_engine_plugin()`.
inline constexpr const char* kPluginSymbol = "melstream_engine_plugin";

/// Why a plugin makes no engine. The numbers are part of the ABI.
enum class PluginError : int {
  kNone = 0,
  kNoDriver = 1,      ///< no driver: what a machine without a GPU has
  kDriverTooOld = 2,  ///< for the runtime that the plugin was built with
  kNoSuchDevice = 3,  ///< PluginOptions::device is not among those that are there
  kOutOfMemory = 4,   ///< of the device, or of memory that can be pinned
  kProbeFailed = 5,   ///< the device computes, but not what it should
  kFailed = 6,        ///< anything else
};

/// What an engine is made with. Outlives the call; `clock` outlives the engine.
struct PluginOptions {
  Limits limits;
  int device = 0;  ///< index as the driver counts
  /// Those that are known at start: what they need is made now. Later ones make theirs in prepare().
  std::vector<std::shared_ptr<const FrontEnd>> front_ends;
  bool spin = false;  ///< poll() burns its processor while it waits, for the shortest wake-up
  const core::Clock* clock = nullptr;
};

/// What a clip engine is made with. Outlives the call.
struct ClipPluginOptions {
  int device = 0;  ///< index as the driver counts
  /// Plans are made for these now, so that the first call with one of them waits less.
  std::vector<std::shared_ptr<const FrontEnd>> front_ends;
};

struct PluginEntry {
  std::uint32_t abi_version;  ///< kPluginAbiVersion; first in every version, so that it can always be read
  const char* build_id;       ///< build_id() of the plugin (build_id.hpp); static
  /// 0 and an engine, or a PluginError and one line for people in `message`. Any thread.
  int (*make_engine)(const PluginOptions& options, EngineInstance& out, std::string& message);
  /// The same for clips in the device's memory; null if the plugin makes none of these.
  int (*make_clip_engine)(const ClipPluginOptions& options, ClipEngineInstance& out, std::string& message);
};

}  // namespace melstream::engine
