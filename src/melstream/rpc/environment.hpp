// What every call stands on: the server's options and parts. Immutable while calls run; outlives them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "melstream/access/access.hpp"
#include "melstream/core/units.hpp"
#include "melstream/rpc/server.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

/// How long calls of a retired server stay open after their last message. There gRPC closes a connection with its last
/// call, at once: a client that still writes then (to answer a ping is enough) loses what it has not read.
inline constexpr std::int64_t kLastWordsNs = core::kNsPerSecond;

struct Environment {
  ServerOptions options;
  ServerParts parts;
  std::int64_t start_wall_ns = 0;
  access::Access* access = nullptr;  ///< judges callers; outlives this
  std::unique_ptr<ServerStats> stats = std::make_unique<ServerStats>();
  std::unique_ptr<std::atomic<bool>> retired = std::make_unique<std::atomic<bool>>(false);  ///< set once, by retire()

  pipeline::Registry& registry() const noexcept { return parts.registry; }
  const core::Clock& clock() const noexcept { return parts.registry.clock(); }
};

}  // namespace melstream::rpc
