// An engine plugin for tests. By default a good one whose "device" 0 is the CPU; each macro spoils one thing.
#include <string>

#include "melstream/engine/build_id.hpp"
#include "melstream/engine/plugin.hpp"

#ifdef MELSTREAM_TEST_PLUGIN_ENGINE
#include "melstream/engine/cpu/cpu_engine.hpp"
#endif
#ifndef MELSTREAM_TEST_PLUGIN_ABI
#define MELSTREAM_TEST_PLUGIN_ABI melstream::engine::kPluginAbiVersion
#endif
#ifndef MELSTREAM_TEST_PLUGIN_BUILD
#define MELSTREAM_TEST_PLUGIN_BUILD melstream::engine::build_id()
#endif

namespace melstream::engine {
namespace {

int make_engine(const PluginOptions& options, EngineInstance& out, std::string& message) {
#ifdef MELSTREAM_TEST_PLUGIN_ENGINE
  if (options.device > 0) {
    message = "engine.device = " + std::to_string(options.device) + ", but there is only device 0";
    return static_cast<int>(PluginError::kNoSuchDevice);
  }
  out = cpu::make_engine({.simd = "scalar", .n_threads = 1, .limits = options.limits});
  out.info = {"cuda", "emulated", 1};
  return static_cast<int>(PluginError::kNone);
#else
  static_cast<void>(options);
  static_cast<void>(out);
  message = "no NVIDIA driver: libcuda.so.1 is not there";
  return static_cast<int>(PluginError::kNoDriver);
#endif
}

}  // namespace
}  // namespace melstream::engine

extern "C" const melstream::engine::PluginEntry* melstream_engine_plugin() {
  static const melstream::engine::PluginEntry entry = {MELSTREAM_TEST_PLUGIN_ABI, MELSTREAM_TEST_PLUGIN_BUILD,
                                                       melstream::engine::make_engine, nullptr};
  return &entry;
}
