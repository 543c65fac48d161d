// What memory a configuration may come to, told before the first stream opens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/engine/front_end.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {

struct MemoryPlan {
  std::int64_t ring_bytes_per_stream = 0;
  std::int64_t feature_bytes_per_stream = 0;     ///< of the front ends in `always`
  std::int64_t feature_bytes_per_front_end = 0;  ///< the largest front end of the catalog: what one more may add
  std::int64_t audio_history_wanted = 0;         ///< of as many network streams as there may be, without the budget
  std::int64_t audio_history_bytes = 0;          ///< for all streams, within the budget
  std::int64_t arena_bytes = 0;                  ///< rings and audio history: what is locked
  /// Of arena_bytes, what is mapped only once microphones or files want it.
  std::int64_t local_bytes = 0;
  std::int64_t total_bytes = 0;
  /// Of all that clients make the daemon keep (OverloadGuard), what subscribers have not taken included.
  std::int64_t limit_bytes = 0;
  std::vector<std::string> lowered;  ///< a sentence for each wish that the plan does not grant
};

/// Throws Error(kInvalidArgument) for a plan that cannot work: more than `available_bytes` in all, or a ring that does
/// not hold what one row of a front end needs.
MemoryPlan plan_memory(const RegistryOptions& options, const engine::FrontEndCatalog& catalog,
                       std::int64_t available_bytes);

/// Sets plan.limit_bytes. @param wanted_bytes of the config; 0: room for one more front end of all streams, live and as
/// many ended, as far as the machine has it. @param queued_bytes for responses. Throws Error(kInvalidArgument) for less
/// than the plan needs.
void plan_limit(MemoryPlan& plan, const RegistryOptions& options, std::int64_t wanted_bytes, std::int64_t queued_bytes,
                std::int64_t available_bytes);

/// Lines "streams x bytes = total", for people.
std::vector<std::string> describe(const MemoryPlan& plan, const RegistryOptions& options);

}  // namespace melstream::pipeline
