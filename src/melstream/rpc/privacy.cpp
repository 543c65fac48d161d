#include "melstream/rpc/privacy.hpp"

#include <algorithm>

#include <sys/prctl.h>

#include "melstream/core/error.hpp"

namespace melstream::rpc {
namespace {

constexpr double kNanosecondsASecond = 1e9;

void set_stream(const pipeline::Stream& stream, const Environment& environment, v1::StreamPrivacy& out) {
  const pipeline::StreamStatus status = stream.status();
  const pipeline::HeldAudio audio = stream.held_audio();
  out.set_stream(status.id);
  out.set_epoch(status.epoch);
  out.set_state(status.ended ? v1::STREAM_STATE_ENDED : v1::STREAM_STATE_LIVE);
  out.set_ring_samples(audio.ring_samples);
  out.set_ring_limit_samples(audio.ring_limit);
  out.set_history_samples(audio.history_samples);
  out.set_history_limit_samples(audio.history_limit);
  for (const std::string& front_end : status.front_ends) out.add_front_ends(front_end);
  const double kept_s = environment.registry().options().history_s;
  out.set_features_seconds(kept_s);
  out.set_subscriber_count(status.n_subscribers);
  if (const auto ended = stream.ended_mono_ns()) {
    const auto ago_s = static_cast<double>(environment.clock().mono_ns() - *ended) / kNanosecondsASecond;
    out.set_forgotten_in_seconds(std::max(0.0, kept_s - ago_s));
  }
}

void set_memory(const core::HostArena& arena, v1::AudioMemory& out) {
  const core::HostArena::Usage usage = arena.usage();
  out.set_mapped_bytes(static_cast<std::int64_t>(usage.mapped_bytes));
  out.set_used_bytes(static_cast<std::int64_t>(usage.used_bytes));
  if (const auto protection = arena.protection()) {
    out.set_locked_bytes(static_cast<std::int64_t>(protection->locked_bytes));
    out.set_undumped_bytes(static_cast<std::int64_t>(protection->undumped_bytes));
  }
}

}  // namespace

void set_privacy(const Environment& environment, const access::Grant& grant, const std::string& stream,
                 v1::GetPrivacyResponse& out) {
  if (!stream.empty()) grant.require(stream);
  for (const auto& one : environment.registry().all()) {
    const bool is_asked_for = stream.empty() ? grant.reaches(one->id()) : one->id() == stream;
    if (is_asked_for) set_stream(*one, environment, *out.add_streams());
  }
  if (!stream.empty() && out.streams().empty()) {
    throw core::Error(core::ErrorCode::kNotFound,
                      "no stream '" + stream + "': nothing of it is held; 'melstream streams' lists those there are",
                      "stream");
  }
  set_memory(environment.registry().arena(), *out.mutable_memory());
  out.set_dumpable(prctl(PR_GET_DUMPABLE) != 0);
}

}  // namespace melstream::rpc
