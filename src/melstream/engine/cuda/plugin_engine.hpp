// Engines on some device, made for the functions of PluginEntry: no exception leaves.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/limits.hpp"
#include "melstream/engine/plugin.hpp"

namespace melstream::engine::cuda {

/// Returns 0 and the engine, or a PluginError and one line in `message`.
/// @param open_device throws UnusableDevice. @param unit_frames Options::unit_frames.
int make_plugin_engine(const std::function<std::unique_ptr<Device>()>& open_device, const PluginOptions& options,
                       EngineInstance& out, std::string& message, int unit_frames = kMaxUnitFrames) noexcept;

/// The same for clips. The device is called by the threads that call the engine: work on their streams cannot wait for
/// another thread.
int make_plugin_clip_engine(const std::function<std::unique_ptr<ClipDevice>()>& open_device,
                            const ClipPluginOptions& options, ClipEngineInstance& out, std::string& message,
                            int unit_frames = kMaxUnitFrames) noexcept;

}  // namespace melstream::engine::cuda
