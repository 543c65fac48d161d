#include "melstream/pipeline/memory_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kFloatBytes = sizeof(float);
constexpr std::int64_t kSlackBytes = std::int64_t{4} << 20;  // a slab of the arena

std::int64_t history_bytes(const engine::FrontEnd& front_end, double history_s) {
  const auto rows =
      std::llround(history_s * core::kSampleRateHz / engine::row_stride(front_end.rows(engine::Smoothing::kNone)));
  return std::max<std::int64_t>(16, rows) *
         (front_end.n_bins() * kFloatBytes + static_cast<std::int64_t>(sizeof(RowInfo)));
}

/// Of the audio history of one stream, in whole blocks; one is being filled and one may be partly over.
std::int64_t audio_bytes(double seconds) {
  if (seconds <= 0) return 0;
  constexpr auto kBlock = static_cast<std::int64_t>(core::kBlockSamples);
  return (static_cast<std::int64_t>(std::ceil(seconds * core::kSampleRateHz)) / kBlock + 2) * kBlock * kFloatBytes;
}

std::string mib(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

/// "40 s (2.56 MiB)"
std::string kept(double seconds) {
  if (seconds <= 0) return "none";
  char text[32];
  std::snprintf(text, sizeof(text), "%g s", seconds);
  return std::string(text) + " (" + mib(audio_bytes(seconds)) + ")";
}

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, field);
}

}  // namespace

MemoryPlan plan_memory(const RegistryOptions& options, const engine::FrontEndCatalog& catalog,
                       std::int64_t available_bytes) {
  MemoryPlan plan;
  plan.ring_bytes_per_stream = static_cast<std::int64_t>(options.ring_samples) * kFloatBytes;
  for (const std::string& name : options.always)
    plan.feature_bytes_per_stream += history_bytes(*catalog.find(name), options.history_s);
  for (const auto& front_end : catalog.all()) {
    plan.feature_bytes_per_front_end =
        std::max(plan.feature_bytes_per_front_end, history_bytes(*front_end, options.history_s));
    const std::int64_t row = engine::row_span(front_end->rows(engine::Smoothing::kNone));
    if (2 * row > static_cast<std::int64_t>(options.ring_samples)) {
      refuse("stream.ring_ms: a ring of " + std::to_string(options.ring_samples) + " samples is less than twice the " +
                 std::to_string(row) + " that one row of front end '" + front_end->name() + "' needs; raise ring_ms",
             "stream.ring_ms");
    }
  }
  const auto budget = static_cast<std::int64_t>(options.audio_history_bytes);
  plan.audio_history_wanted = options.max_streams * audio_bytes(options.audio_history_s);
  const std::int64_t of_network = std::min(plan.audio_history_wanted, budget);
  if (of_network < plan.audio_history_wanted) {
    plan.lowered.push_back("audio history: " + std::to_string(options.max_streams) + " streams want " +
                           mib(plan.audio_history_wanted) + ", memory.audio_history_bytes grants " + mib(of_network) +
                           "; when all are open, the oldest audio goes first");
  }
  // Streams of either kind, but not more than there may be.
  plan.audio_history_bytes = std::min(
      budget, std::max(plan.audio_history_wanted, options.max_streams * audio_bytes(options.local_audio_history_s)));
  plan.local_bytes = plan.audio_history_bytes - of_network;
  plan.arena_bytes = (options.max_streams + static_cast<std::int64_t>(kSpareRings)) * plan.ring_bytes_per_stream +
                     plan.audio_history_bytes;
  // Rings of several blocks need them side by side; single blocks of audio histories may lie between.
  if (options.ring_samples > core::kBlockSamples && plan.audio_history_bytes > 0) plan.arena_bytes += kSlackBytes;
  // As many ended streams as live ones stay readable, without their audio.
  plan.total_bytes = plan.arena_bytes + 2 * options.max_streams * plan.feature_bytes_per_stream;
  if (plan.total_bytes > available_bytes) {
    refuse("the plan needs " + mib(plan.total_bytes) + ", this machine has " + mib(available_bytes) +
               "; lower stream.max_streams, stream.history_s or memory.audio_history_bytes",
           "stream.max_streams");
  }
  return plan;
}

void plan_limit(MemoryPlan& plan, const RegistryOptions& options, std::int64_t wanted_bytes, std::int64_t queued_bytes,
                std::int64_t available_bytes) {
  // What neither audio nor features are: connections, calls, tables, code.
  constexpr double kForTheRest = 0.1;
  const auto most = static_cast<std::int64_t>((1.0 - kForTheRest) * static_cast<double>(available_bytes));
  // State 2 is entered at nine tenths, and what is planned must be had before.
  const std::int64_t planned = plan.total_bytes + queued_bytes;
  const std::int64_t least = (planned + plan.feature_bytes_per_front_end) * 10 / 9;
  if (wanted_bytes > 0 && wanted_bytes < least) {
    refuse("memory.limit_bytes: " + mib(wanted_bytes) + " is less than the " + mib(least) +
               " that rings, audio history, features that are always computed, memory.queued_bytes and one front end "
               "more take; raise it, or lower stream.max_streams, memory.audio_history_bytes or memory.queued_bytes",
           "memory.limit_bytes");
  }
  const std::int64_t wish =
      wanted_bytes > 0 ? wanted_bytes : (planned + 2 * options.max_streams * plan.feature_bytes_per_front_end) / 9 * 10;
  plan.limit_bytes = std::min(wish, most);
  if (most < least) {
    plan.lowered.push_back("memory: the machine has " + mib(available_bytes) + " free, all streams with all that is " +
                           "planned would want " + mib(least) + "; the last ones will be refused (overload state 2)");
  }
  if (wanted_bytes > most) {
    plan.lowered.push_back("memory.limit_bytes: " + mib(wanted_bytes) + " is wanted, the machine has " +
                           mib(available_bytes) + " free, so " + mib(plan.limit_bytes) + " is the limit");
  }
}

std::vector<std::string> describe(const MemoryPlan& plan, const RegistryOptions& options) {
  const std::string streams = std::to_string(options.max_streams) + " streams";
  std::vector<std::string> lines;
  const auto n_rings = options.max_streams + static_cast<std::int64_t>(kSpareRings);
  lines.push_back("sample rings: " + streams + " and " + std::to_string(kSpareRings) + " spare x " +
                  mib(plan.ring_bytes_per_stream) + " = " + mib(n_rings * plan.ring_bytes_per_stream) + ", locked");
  if (plan.audio_history_bytes > 0) {
    lines.push_back(
        "audio history: up to " + mib(plan.audio_history_bytes) +
        " for all streams together, locked; each microphone or file: " + kept(options.local_audio_history_s) +
        ", each stream from the network: " + kept(options.audio_history_s) +
        "; mapped as streams open, the oldest audio goes first");
  } else {
    lines.emplace_back("audio history: none, so no windows (GetWindow)");
  }
  lines.push_back("features always computed: " + streams + ", live and as many ended, x " +
                  mib(plan.feature_bytes_per_stream) + " = " +
                  mib(2 * options.max_streams * plan.feature_bytes_per_stream));
  lines.push_back("total: " + mib(plan.total_bytes) + ", and up to " + mib(plan.feature_bytes_per_front_end) +
                  " for each front end more that a stream is asked for");
  for (const std::string& line : plan.lowered) lines.push_back("lowered: " + line);
  return lines;
}

}  // namespace melstream::pipeline
