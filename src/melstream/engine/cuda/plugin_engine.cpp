#include "melstream/engine/cuda/plugin_engine.hpp"

#include <exception>
#include <utility>

#include "melstream/engine/cuda/cuda_clip_engine.hpp"
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

/// 0 if `make` throws nothing.
template <typename Make>
int number_of_error(const Make& make, std::string& message) noexcept {
  try {
    make();
    return static_cast<int>(PluginError::kNone);
  } catch (const UnusableDevice& unusable) {
    return fail(unusable.why(), unusable.what(), message);
  } catch (const std::exception& error) {
    return fail(PluginError::kFailed, error.what(), message);
  } catch (...) {
    return fail(PluginError::kFailed, "unknown exception", message);
  }
}

}  // namespace

int make_plugin_engine(const std::function<std::unique_ptr<Device>()>& open_device, const PluginOptions& options,
                       EngineInstance& out, std::string& message, int unit_frames) noexcept {
  const auto make = [&] {
    std::unique_ptr<Device> device = make_threaded(open_device(), options.spin);
    const DeviceInfo info = device->info();
    Options engine_options;
    engine_options.limits = options.limits;
    engine_options.front_ends = options.front_ends;
    engine_options.unit_frames = unit_frames;
    engine_options.spin = options.spin;
    engine_options.clock = options.clock;
    out = {make_engine(std::move(device), engine_options), {"cuda", info.target, 1}};
  };
  return number_of_error(make, message);
}

int make_plugin_clip_engine(const std::function<std::unique_ptr<ClipDevice>()>& open_device,
                            const ClipPluginOptions& options, ClipEngineInstance& out, std::string& message,
                            int unit_frames) noexcept {
  const auto make = [&] {
    std::unique_ptr<ClipDevice> device = open_device();
    const DeviceInfo info = device->info();
    out = {make_clip_engine(std::move(device), {options.front_ends, unit_frames, nullptr}), {"cuda", info.target, 1}};
  };
  return number_of_error(make, message);
}

}  // namespace melstream::engine::cuda
