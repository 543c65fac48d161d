// The tick: on its own clock, take what the feeds hold, compute all rows that are ready in one batch, publish them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {

class StreamFramer;
class TickBatch;

struct TickOptions {
  std::int64_t period_ns = 10'000'000;
  engine::Limits limits;
};

/// Not thread-safe: one caller, the tick thread (or a test).
class TickLoop {
 public:
  /// All references outlive the loop; `limits` are those that the engine was made with.
  TickLoop(Registry& registry, engine::Engine& engine, const TickOptions& options);
  TickLoop(const TickLoop&) = delete;
  TickLoop& operator=(const TickLoop&) = delete;
  ~TickLoop();

  /// One pass over all streams. True if there is more to do at once (a fast stream, or a backlog). Throws EngineError.
  bool run_once();

 private:
  void sync_streams();

  Registry& registry_;
  engine::Engine& engine_;
  const std::unique_ptr<TickBatch> batch_;
  std::uint64_t generation_ = 0;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<StreamFramer>> framers_;
};

}  // namespace melstream::pipeline
