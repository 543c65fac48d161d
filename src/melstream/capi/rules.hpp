// Options of the C ABI checked against a front end.
#pragma once

#include <memory>

#include "melstream/capi/clip_batch.hpp"
#include "melstream/capi/stream.hpp"
#include "melstream/engine.h"
#include "melstream/engine/front_end.hpp"

namespace melstream::capi {

/// Throw Error(kInvalidArgument, field): unknown numbers, a normalization or smoothing that the front end does not
/// have, a maximum that is not finite.
ClipRules clip_rules(const std::shared_ptr<const engine::FrontEnd>& front_end, const melstream_clip_options& options);
Stream::Rules stream_rules(const std::shared_ptr<const engine::FrontEnd>& front_end,
                           const melstream_stream_options& options);

}  // namespace melstream::capi
