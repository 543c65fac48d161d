#include "melstream/engine/cuda/plugin_engine.hpp"

#include <exception>
#include <utility>

#include "melstream/engine/cuda/cuda_engine.hpp"
#include "melstream/engine/cuda/threaded_device.hpp"

namespace melstream::engine::cuda {
namespace {

int fail(PluginError error, const char* what, std::string& message) noexcept {
  try {
    message = what;
  } catch (...) {
    message.clear();
  }
  return static_cast<int>(error);
}

}  // namespace

int make_plugin_engine(const std::function<std::unique_ptr<Device>()>& open_device, const PluginOptions& options,
                       EngineInstance& out, std::string& message, int unit_frames) noexcept {
  try {
    std::unique_ptr<Device> device = make_threaded(open_device(), options.spin);
    const DeviceInfo info = device->info();
    Options engine_options;
    engine_options.limits = options.limits;
    engine_options.front_ends = options.front_ends;
    engine_options.unit_frames = unit_frames;
    engine_options.spin = options.spin;
    engine_options.clock = options.clock;
    out = {make_engine(std::move(device), engine_options), {"cuda", info.target, 1}};
    return static_cast<int>(PluginError::kNone);
  } catch (const UnusableDevice& unusable) {
    return fail(unusable.why(), unusable.what(), message);
  } catch (const std::exception& error) {
    return fail(PluginError::kFailed, error.what(), message);
  } catch (...) {
    return fail(PluginError::kFailed, "unknown exception", message);
  }
}

}  // namespace melstream::engine::cuda
