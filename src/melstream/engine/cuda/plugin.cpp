// The entry of libmelstream_cuda.so: errors become numbers and one line, nothing is thrown across.
#include "melstream/engine/plugin.hpp"

#include <exception>

#include "melstream/engine/build_id.hpp"
#include "melstream/engine/cuda/cuda_device.hpp"
#include "melstream/engine/cuda/plugin_engine.hpp"

namespace melstream::engine::cuda {
namespace {

int make(const PluginOptions& options, EngineInstance& out, std::string& message) {
  return make_plugin_engine([&] { return open_device(options.device); }, options, out, message);
}

int make_for_clips(const ClipPluginOptions& options, ClipEngineInstance& out, std::string& message) {
  return make_plugin_clip_engine([&] { return open_clip_device(options.device); }, options, out, message);
}

}  // namespace
}  // namespace melstream::engine::cuda

extern "C" const melstream::engine::PluginEntry* melstream_engine_plugin() {
  static const melstream::engine::PluginEntry entry{melstream::engine::kPluginAbiVersion, melstream::engine::build_id(),
                                                    melstream::engine::cuda::make,
                                                    melstream::engine::cuda::make_for_clips};
  return &entry;
}
