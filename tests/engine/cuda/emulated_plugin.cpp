// The CUDA plugin with an emulated device instead of a GPU: the whole daemon can run, and lose, "cuda" on any machine.
//
//   MELSTREAM_CUDA_PLUGIN=build/dev/bin/emulated/libmelstream_cuda.so melstreamd
//   MELSTREAM_EMULATED_FAULT=fail:N    the device fails after N operations
//   MELSTREAM_EMULATED_FAULT=hang:N    the device stops answering after N marks
//   MELSTREAM_EMULATED_FAULT=memory:N  the device has N bytes
#include <cstdlib>
#include <memory>
#include <string>

#include "melstream/engine/build_id.hpp"
#include "melstream/engine/cuda/plugin_engine.hpp"

#include "tests/engine/cuda/emulated_clip_device.hpp"
#include "tests/engine/cuda/emulated_device.hpp"

namespace melstream::test {
namespace {

/// Small units: the probe of a large one takes the emulated FFT seconds.
constexpr int kUnitFrames = 128;

Faults faults_wanted() {
  Faults faults;
  const char* const wanted = std::getenv("MELSTREAM_EMULATED_FAULT");
  if (wanted == nullptr) return faults;
  const std::string text = wanted;
  const std::size_t colon = text.find(':');
  const std::int64_t n =
      std::strtoll(text.c_str() + (colon == std::string::npos ? text.size() : colon + 1), nullptr, 10);
  const std::string kind = text.substr(0, colon);
  if (kind == "fail") faults.fail_after_operations = n;
  if (kind == "hang") faults.hang_after_marks = n;
  if (kind == "memory") faults.memory_bytes = static_cast<std::size_t>(n);
  return faults;
}

[[noreturn]] void refuse_device(int device) {
  throw engine::cuda::UnusableDevice(engine::PluginError::kNoSuchDevice,
                                     "there is no device " + std::to_string(device) + "; devices are 0..0");
}

int make(const engine::PluginOptions& options, engine::EngineInstance& out, std::string& message) {
  static Faults faults = faults_wanted();
  static DeviceLog log;
  const auto open_device = [&] {
    if (options.device != 0) refuse_device(options.device);
    return make_emulated_device(faults, log);
  };
  return engine::cuda::make_plugin_engine(open_device, options, out, message, kUnitFrames);
}

/// Clips in memory of the host, which is the emulated device's: they are done when the call returns.
int make_for_clips(const engine::ClipPluginOptions& options, engine::ClipEngineInstance& out, std::string& message) {
  static ClipMachine machine;
  const auto open_device = [&] {
    if (options.device != 0) refuse_device(options.device);
    machine.is_done_at_once = true;
    const Faults faults = faults_wanted();
    machine.fail_after_operations = faults.fail_after_operations;
    machine.memory_bytes = faults.memory_bytes;
    return std::make_unique<EmulatedClipDevice>(machine);
  };
  return engine::cuda::make_plugin_clip_engine(open_device, options, out, message, kUnitFrames);
}

}  // namespace
}  // namespace melstream::test

extern "C" const melstream::engine::PluginEntry* melstream_engine_plugin() {
  static const melstream::engine::PluginEntry entry{melstream::engine::kPluginAbiVersion, melstream::engine::build_id(),
                                                    melstream::test::make, melstream::test::make_for_clips};
  return &entry;
}
