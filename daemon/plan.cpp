// The arithmetic of the plan is pipeline's; here it meets the config and the limits of the process.
#include "daemon/plan.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "melstream/core/host_arena.hpp"
#include "melstream/core/units.hpp"

namespace melstream::daemon {
namespace {

std::string mebibytes(std::int64_t n_bytes) {
  constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;
  const std::int64_t tenths = (n_bytes * 10 + kMebibyte / 2) / kMebibyte;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

std::string locked_text(const pipeline::MemoryPlan& memory, std::int64_t lockable_bytes) {
  if (memory.arena_bytes <= lockable_bytes) return "all audio memory, " + mebibytes(memory.arena_bytes);
  const std::int64_t certain_bytes = memory.arena_bytes - memory.local_bytes;
  const std::string besides =
      " of the " + mebibytes(memory.local_bytes) + " that microphones and files may want besides";
  if (certain_bytes > lockable_bytes) {
    return mebibytes(lockable_bytes) + " of " + mebibytes(certain_bytes) + " of audio memory" +
           (memory.local_bytes > 0 ? ", and nothing" + besides : "");
  }
  return "all audio memory, " + mebibytes(certain_bytes) + ", and " + mebibytes(lockable_bytes - certain_bytes) +
         besides;
}

}  // namespace

pipeline::RegistryOptions registry_options(const Config& config) {
  pipeline::RegistryOptions options;
  options.max_streams = static_cast<std::int32_t>(config.stream.max_streams);
  const auto ring_samples = static_cast<std::size_t>(config.stream.ring_ms) * core::kSampleRateHz / 1000;
  options.ring_samples = std::max(std::bit_ceil(ring_samples), core::kBlockSamples);  // memory comes in blocks
  options.history_s = config.stream.history_s;
  options.audio_history_s = config.stream.audio_history_s;
  options.local_audio_history_s = config.stream.local_audio_history_s;
  options.audio_history_bytes = static_cast<std::size_t>(config.memory.audio_history_bytes);
  options.always = config.features.always;
  return options;
}

Plan make_plan(const Config& config, const engine::FrontEndCatalog& catalog, std::int64_t available_bytes,
               std::int64_t lockable_bytes) {
  const pipeline::RegistryOptions options = registry_options(config);
  Plan plan;
  plan.memory = pipeline::plan_memory(options, catalog, available_bytes);
  pipeline::plan_limit(plan.memory, options, config.memory.limit_bytes, config.memory.queued_bytes, available_bytes);
  plan.warnings = plan.memory.lowered;
  pipeline::MemoryPlan granted = plan.memory;
  granted.lowered.clear();  // told as warnings
  plan.lines = pipeline::describe(granted, options);
  plan.lines.push_back("besides, what subscribers are sent and have not taken: up to " +
                       mebibytes(config.memory.queued_bytes));
  plan.lines.push_back("limit of all that clients make the daemon keep: " + mebibytes(plan.memory.limit_bytes));
  plan.lines.push_back("locked in RAM: " + locked_text(plan.memory, lockable_bytes));
  // What microphones and files may want besides is no reason to warn: few configurations have so many.
  const std::int64_t audio_bytes = plan.memory.arena_bytes - plan.memory.local_bytes;
  if (audio_bytes > lockable_bytes) {
    plan.warnings.push_back("only " + mebibytes(lockable_bytes) + " of " + mebibytes(audio_bytes) +
                            " of audio memory can be locked in RAM, the rest could be swapped out: raise "
                            "RLIMIT_MEMLOCK (LimitMEMLOCK= of the service, ulimit -l)");
  }
  return plan;
}

std::string to_text(const Plan& plan) {
  std::string text;
  for (const std::string& line : plan.lines) text += line + "\n";
  for (const std::string& warning : plan.warnings) text += "lowered: " + warning + "\n";
  return text;
}

}  // namespace melstream::daemon
