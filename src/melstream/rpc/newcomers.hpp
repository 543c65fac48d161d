// Streams that a selection gains: those that are live at first, then each that is opened, also if it is over before the
// reader has time for it. Thread: ms-subscribe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "melstream/pipeline/registry.hpp"
#include "melstream/rpc/stream_selection.hpp"

namespace melstream::rpc {

class Newcomers {
 public:
  struct Newcomer {
    std::string id;
    std::uint64_t epoch = 0;
    bool is_first = false;                     ///< it was there at the first look
    std::shared_ptr<pipeline::Stream> stream;  ///< null: forgotten before it was taken
  };

  /// @param registry outlives this.
  Newcomers(const pipeline::Registry& registry, StreamSelection selection);
  const StreamSelection& selection() const noexcept { return selection_; }

  /// This life is followed already.
  void know(std::uint64_t epoch) { known_.insert(epoch); }
  bool knows(std::uint64_t epoch) const { return known_.count(epoch) != 0; }
  /// Call in every tick: cheap unless streams have come or gone. Keeps nothing of them alive. Throws
  /// Error(kResourceExhausted) once 10,000 have not been taken.
  void look();
  /// The next that look() found, in the order of opening.
  std::optional<Newcomer> take();

 private:
  struct Found {
    std::string id;
    std::uint64_t epoch;
    bool is_first;
  };

  const pipeline::Registry& registry_;
  const StreamSelection selection_;
  std::uint64_t seen_generation_ = 0;
  bool has_looked_ = false;
  std::set<std::uint64_t> known_;  ///< epochs that were found, as long as the registry has them
  std::deque<Found> found_;
};

}  // namespace melstream::rpc
