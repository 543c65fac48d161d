#include "melstream/rpc/convert.hpp"

#include <cmath>
#include <string>

#include "melstream/core/error.hpp"

namespace melstream::rpc {
namespace {

[[noreturn]] void refuse(const char* field, int value, const char* accepted) {
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    std::string(field) + ": " + std::to_string(value) + " is not known here; use " + accepted, field);
}

}  // namespace

core::PcmEncoding to_encoding(v1::AudioEncoding encoding) {
  switch (encoding) {
    case v1::AUDIO_ENCODING_LINEAR16:
      return core::PcmEncoding::kLinear16;
    case v1::AUDIO_ENCODING_LINEAR24:
      return core::PcmEncoding::kLinear24;
    case v1::AUDIO_ENCODING_LINEAR32:
      return core::PcmEncoding::kLinear32;
    case v1::AUDIO_ENCODING_FLOAT32:
      return core::PcmEncoding::kFloat32;
    case v1::AUDIO_ENCODING_MULAW:
      return core::PcmEncoding::kMulaw;
    case v1::AUDIO_ENCODING_ALAW:
      return core::PcmEncoding::kAlaw;
    default:
      refuse("encoding", encoding, "LINEAR16, LINEAR24, LINEAR32, FLOAT32, MULAW or ALAW");
  }
}

core::ChannelMode to_channel_mode(v1::ChannelMode mode) {
  switch (mode) {
    case v1::CHANNEL_MODE_UNSPECIFIED:
    case v1::CHANNEL_MODE_MIX:
      return core::ChannelMode::kMix;
    case v1::CHANNEL_MODE_INDEX:
      return core::ChannelMode::kIndex;
    case v1::CHANNEL_MODE_SPLIT:
      return core::ChannelMode::kSplit;
    default:
      refuse("channel_mode", mode, "MIX, INDEX or SPLIT");
  }
}

pipeline::Pacing to_pacing(v1::Pacing pacing) {
  switch (pacing) {
    case v1::PACING_UNSPECIFIED:
    case v1::PACING_LIVE:
      return pipeline::Pacing::kLive;
    case v1::PACING_FAST:
      return pipeline::Pacing::kFast;
    default:
      refuse("pacing", pacing, "LIVE or FAST");
  }
}

core::Conceal to_conceal(v1::Conceal conceal) {
  switch (conceal) {
    case v1::CONCEAL_UNSPECIFIED:
    case v1::CONCEAL_NONE:
      return core::Conceal::kNone;
    case v1::CONCEAL_ZERO:
      return core::Conceal::kZero;
    case v1::CONCEAL_HOLD:
      return core::Conceal::kHold;
    default:
      refuse("conceal", conceal, "NONE, ZERO or HOLD");
  }
}

core::GapReason to_loss_reason(v1::GapReason reason) {
  switch (reason) {
    case v1::GAP_REASON_UNSPECIFIED:
    case v1::GAP_REASON_NET_LOSS:
      return core::GapReason::kNetLoss;
    case v1::GAP_REASON_CAPTURE_OVERFLOW:
      return core::GapReason::kCaptureOverflow;
    case v1::GAP_REASON_DEVICE_LOST:
      return core::GapReason::kDeviceLost;
    case v1::GAP_REASON_LATE:
      return core::GapReason::kLate;
    case v1::GAP_REASON_KERNEL_DROP:
      return core::GapReason::kKernelDrop;
    case v1::GAP_REASON_DECODE_ERROR:
      return core::GapReason::kDecodeError;
    default:
      refuse("lost_reason", reason, "NET_LOSS, LATE, KERNEL_DROP, DECODE_ERROR, DEVICE_LOST or CAPTURE_OVERFLOW");
  }
}

engine::Smoothing to_smoothing(v1::Smoothing smoothing) {
  switch (smoothing) {
    case v1::SMOOTHING_UNSPECIFIED:
    case v1::SMOOTHING_NONE:
      return engine::Smoothing::kNone;
    case v1::SMOOTHING_BOX3X3:
      return engine::Smoothing::kBox3x3;
    case v1::SMOOTHING_BOX3X3_VALID:
      return engine::Smoothing::kBox3x3Valid;
    default:
      refuse("smoothing", smoothing, "NONE, BOX3X3 or BOX3X3_VALID");
  }
}

engine::Normalization to_normalization(v1::Normalization normalization) {
  switch (normalization) {
    case v1::NORMALIZATION_UNSPECIFIED:
    case v1::NORMALIZATION_NONE:
      return engine::Normalization::kNone;
    case v1::NORMALIZATION_RUNNING_MAX:
      return engine::Normalization::kRunningMax;
    case v1::NORMALIZATION_FIXED_MAX:
      return engine::Normalization::kFixedMax;
    case v1::NORMALIZATION_WHISPER_WINDOW:
      return engine::Normalization::kWhisperWindow;
    case v1::NORMALIZATION_PER_FEATURE_WINDOW:
      return engine::Normalization::kPerFeatureWindow;
    default:
      refuse("normalization", normalization, "NONE, RUNNING_MAX, FIXED_MAX, WHISPER_WINDOW or PER_FEATURE_WINDOW");
  }
}

pipeline::SlowPolicy to_slow_policy(v1::SlowPolicy policy) {
  switch (policy) {
    case v1::SLOW_POLICY_UNSPECIFIED:
    case v1::SLOW_POLICY_DROP_OLDEST:
      return pipeline::SlowPolicy::kDropOldest;
    case v1::SLOW_POLICY_DISCONNECT:
      return pipeline::SlowPolicy::kDisconnect;
    case v1::SLOW_POLICY_BLOCK:
      return pipeline::SlowPolicy::kBlock;
    default:
      refuse("slow_policy", policy, "DROP_OLDEST, DISCONNECT or BLOCK");
  }
}

v1::GapReason from_gap_reason(core::GapReason reason) noexcept {
  switch (reason) {
    case core::GapReason::kCaptureOverflow:
      return v1::GAP_REASON_CAPTURE_OVERFLOW;
    case core::GapReason::kDeviceLost:
      return v1::GAP_REASON_DEVICE_LOST;
    case core::GapReason::kNetLoss:
      return v1::GAP_REASON_NET_LOSS;
    case core::GapReason::kLate:
      return v1::GAP_REASON_LATE;
    case core::GapReason::kKernelDrop:
      return v1::GAP_REASON_KERNEL_DROP;
    case core::GapReason::kDecodeError:
      return v1::GAP_REASON_DECODE_ERROR;
    case core::GapReason::kQuota:
      return v1::GAP_REASON_QUOTA;
    case core::GapReason::kEngineOverload:
      return v1::GAP_REASON_ENGINE_OVERLOAD;
    case core::GapReason::kSubscriberSlow:
      return v1::GAP_REASON_SUBSCRIBER_SLOW;
    case core::GapReason::kHistoryEvicted:
      return v1::GAP_REASON_HISTORY_EVICTED;
    case core::GapReason::kRestart:
      return v1::GAP_REASON_RESTART;
    case core::GapReason::kShutdown:
      return v1::GAP_REASON_SHUTDOWN;
  }
  return v1::GAP_REASON_UNSPECIFIED;
}

v1::EndReason from_end_reason(core::EndReason reason) noexcept {
  switch (reason) {
    case core::EndReason::kCompleted:
      return v1::END_REASON_COMPLETED;
    case core::EndReason::kSourceLost:
      return v1::END_REASON_SOURCE_LOST;
    case core::EndReason::kTakenOver:
      return v1::END_REASON_TAKEN_OVER;
    case core::EndReason::kShutdown:
      return v1::END_REASON_SHUTDOWN;
  }
  return v1::END_REASON_UNSPECIFIED;
}

void set_range(const engine::IndexRange& range, v1::SampleRange& out) {
  out.set_begin_sample(range.begin);
  out.set_end_sample(range.end);
}

void set_progress(const core::IngestCounters& counters, v1::StreamProgress& out) {
  out.set_offered_samples(counters.offered);
  out.set_accepted_samples(counters.accepted);
  out.set_dropped_samples(counters.dropped);
  out.set_nonfinite_samples(counters.nonfinite);
  out.set_timeline_samples(counters.timeline_samples);
  out.set_gap_samples(counters.gap_samples);
  out.set_suppressed_samples(counters.suppressed);
  out.set_concealed_samples(counters.concealed);
  for (std::size_t i = 0; i < counters.dropped_by.size(); ++i) {
    if (counters.dropped_by[i] == 0) continue;
    v1::LossCount& loss = *out.add_losses();
    loss.set_reason(from_gap_reason(static_cast<core::GapReason>(i)));
    loss.set_samples(counters.dropped_by[i]);
  }
}

void set_stream_info(const pipeline::StreamStatus& status, v1::StreamInfo& out) {
  out.set_stream(status.id);
  out.set_epoch(status.epoch);
  out.set_state(status.ended ? v1::STREAM_STATE_ENDED : v1::STREAM_STATE_LIVE);
  for (const auto& [key, value] : status.labels) (*out.mutable_labels())[key] = value;
  out.set_opened_time_ns(status.opened_wall_ns);
  out.set_timeline_samples(status.timeline_samples);
  out.set_gap_samples(status.gap_samples);
  out.set_rms_dbfs(amplitude_dbfs(status.rms));
  out.set_peak_dbfs(amplitude_dbfs(status.peak));
  for (const std::string& name : status.front_ends) out.add_front_ends(name);
  out.set_subscriber_count(status.n_subscribers);
  set_range(status.audio_held, *out.mutable_audio_held());
  out.set_fast(status.pacing == pipeline::Pacing::kFast);
  out.set_concealed_samples(status.concealed_samples);
  out.set_suppressed_samples(status.suppressed_samples);
}

void set_engine_info(const engine::EngineInfo& engine, const std::string& build, v1::EngineInfo& out) {
  out.set_backend(engine.backend);
  out.set_target(engine.target);
  out.set_build(build);
}

float power_dbfs(double mean_square) noexcept { return static_cast<float>(10.0 * std::log10(mean_square)); }

float amplitude_dbfs(double amplitude) noexcept { return static_cast<float>(20.0 * std::log10(amplitude)); }

}  // namespace melstream::rpc
