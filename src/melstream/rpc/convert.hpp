// Values of the pipeline and their twins on the wire. Pure functions. Those that read the wire throw
// Error(kInvalidArgument, field) for a number that this version does not know.
#pragma once

#include <cstdint>

#include "melstream/core/pcm.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/framing.hpp"
#include "melstream/engine/normalization.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/pipeline/subscription.hpp"
#include "melstream/v1/audio_service.pb.h"
#include "melstream/v1/feature_service.pb.h"
#include "melstream/v1/types.pb.h"

namespace melstream::rpc {

core::PcmEncoding to_encoding(v1::AudioEncoding encoding);
core::ChannelMode to_channel_mode(v1::ChannelMode mode);
pipeline::Pacing to_pacing(v1::Pacing pacing);
core::Conceal to_conceal(v1::Conceal conceal);
/// Of the reasons, those that a publisher can have for a loss.
core::GapReason to_loss_reason(v1::GapReason reason);
engine::Smoothing to_smoothing(v1::Smoothing smoothing);
engine::Normalization to_normalization(v1::Normalization normalization);
pipeline::SlowPolicy to_slow_policy(v1::SlowPolicy policy);

v1::GapReason from_gap_reason(core::GapReason reason) noexcept;
v1::EndReason from_end_reason(core::EndReason reason) noexcept;

void set_range(const engine::IndexRange& range, v1::SampleRange& out);
void set_progress(const core::IngestCounters& counters, v1::StreamProgress& out);
void set_stream_info(const pipeline::StreamStatus& status, v1::StreamInfo& out);
void set_engine_info(const engine::EngineInfo& engine, const std::string& build, v1::EngineInfo& out);

/// Level relative to full scale; -infinity for 0.
float power_dbfs(double mean_square) noexcept;
float amplitude_dbfs(double amplitude) noexcept;

}  // namespace melstream::rpc
