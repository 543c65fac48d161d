// What the facts of a load test mean to an operator. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "client/load/load_facts.hpp"

namespace melstream::client {

struct Verdict {
  bool sustained = false;
  std::vector<std::string> reasons;  ///< why not
  /// What keeps more streams from it, or kept these: a sentence with the remedy.
  std::string limit;
  /// The resource that is used most, and how much of it, 0 to 1; an empty name: not known.
  std::string busiest;
  double busiest_share = 0;
  /// Streams in all that the busiest resource would carry at 80 %, if its use grows in proportion; 0: not known.
  int room_for = 0;
};

/// @param max_p99_ms of the latency; 0: any.
Verdict judge(const LoadFacts& facts, double max_p99_ms);

}  // namespace melstream::client
