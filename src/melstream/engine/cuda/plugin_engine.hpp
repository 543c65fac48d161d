// An engine on some device, made for PluginEntry::make_engine: no exception leaves.
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

}  // namespace melstream::engine::cuda
