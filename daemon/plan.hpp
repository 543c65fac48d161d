// From the config to what the parts are made with, and to the memory that they may come to. Control threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/engine/front_end.hpp"
#include "melstream/pipeline/memory_plan.hpp"
#include "melstream/pipeline/registry.hpp"

#include "daemon/config.hpp"

namespace melstream::daemon {

pipeline::RegistryOptions registry_options(const Config& config);

struct Plan {
  pipeline::MemoryPlan memory;
  std::vector<std::string> lines;     ///< streams x bytes = total, and what is locked
  std::vector<std::string> warnings;  ///< what is lowered
};

/// @param available_bytes what the process may take. @param lockable_bytes what it may lock in RAM.
/// Throws core::Error(kInvalidArgument) for a plan that cannot work.
Plan make_plan(const Config& config, const engine::FrontEndCatalog& catalog, std::int64_t available_bytes,
               std::int64_t lockable_bytes);

/// The plan for people: a line each, warnings last.
std::string to_text(const Plan& plan);

}  // namespace melstream::daemon
