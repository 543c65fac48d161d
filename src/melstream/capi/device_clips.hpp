// Clips that lie in a GPU's memory, on their way from the C ABI to the plugin. Thread: any; calls take turns in the
// engine.
#pragma once

#include <span>

#include "melstream/capi/clip_batch.hpp"
#include "melstream/engine.h"
#include "melstream/engine/clip_engine.hpp"

namespace melstream::capi {

/// Enqueues the features of clips[i] to outputs[i] on the stream. Throws Error naming the clip, EngineError.
void extract_on_device(engine::ClipEngine& engine, const ClipRules& rules, std::span<const melstream_clip> clips,
                       std::span<const melstream_output> outputs, void* cuda_stream);

}  // namespace melstream::capi
