// The tick: on its own clock, take what the feeds hold, compute the rows that are ready, batch by batch, publish them.
// Live audio comes first; when the engine cannot carry it, the newest streams are shed (LoadControl).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "melstream/engine/engine.hpp"
#include "melstream/pipeline/load_control.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {

class StreamFramer;
class TickBatch;

struct TickOptions {
  std::int64_t period_ns = 10'000'000;
  engine::Limits limits;
  /// Live rows that wait for longer than this say that the machine may be too slow. Two fifths of the sample ring at
  /// most, so that there is time to shed before samples are lost.
  std::int64_t shed_after_ns = 400'000'000;
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
  struct Pass {
    std::int64_t begin_ns = 0;
    std::int64_t compute_ns = 0;  ///< when the first lane was about to be added
    std::int64_t now_ns = 0;      ///< when a batch was last finished
    std::int64_t n_frames = 0;    ///< in batches that were started
    std::int64_t n_rows = 0;      ///< published
    std::int64_t n_lanes = 0;     ///< front ends of live streams that are not shed
  };

  void sync_streams();
  void count_pass(std::int64_t busy_ns);
  void control_load();
  void add_live_lanes();
  void add_spare_lanes();
  /// Frames added in this pass, started or not.
  std::int64_t n_frames() const noexcept;
  /// Frames that take this long at present.
  std::int64_t frames_in(std::int64_t ns) const noexcept;
  /// Starts the batch that was filled, finishes the one started before it, and takes that one to be filled.
  void turn();
  bool end_streams();

  Registry& registry_;
  engine::Engine& engine_;
  const TickOptions options_;
  const std::array<std::unique_ptr<TickBatch>, 2> batches_;
  TickBatch* filling_;
  TickBatch* under_way_;
  LoadControl load_control_;
  std::uint64_t generation_ = 0;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<StreamFramer>> framers_;  ///< in order of opening
  std::vector<StreamLoad> loads_;                       ///< of the live ones, in the same order; scratch
  std::size_t next_live_ = 0;                           ///< framers with which the next pass begins: when there was not
  std::size_t next_spare_ = 0;                          ///< time for all, the next has its turn
  Pass pass_;
};

}  // namespace melstream::pipeline
