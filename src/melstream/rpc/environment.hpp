// What every call stands on: the server's options and parts. Immutable while calls run; outlives them all.
#pragma once

#include <cstdint>
#include <memory>

#include "melstream/rpc/server.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

struct Environment {
  ServerOptions options;
  ServerParts parts;
  std::int64_t start_wall_ns = 0;
  std::unique_ptr<ServerStats> stats = std::make_unique<ServerStats>();

  pipeline::Registry& registry() const noexcept { return parts.registry; }
  const core::Clock& clock() const noexcept { return parts.registry.clock(); }
};

}  // namespace melstream::rpc
