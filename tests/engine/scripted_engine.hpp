// An engine that does what a test wrote down: which rows it gives, when it fails, what it was asked.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "melstream/engine/engine.hpp"

namespace melstream::test {

/// The test's hand on the engine; outlives it, for it tells of its destruction.
struct Script {
  float value = 0.0F;  ///< of every row and maximum
  // Called at the head of each function; may throw. Empty: nothing.
  std::function<void()> on_prepare;
  std::function<void(int n_before)> on_submit;  ///< with the number of earlier calls
  std::function<void(int n_before)> on_poll;
  std::function<void()> on_register;
  int polls_until_done = 1;

  int n_prepared = 0;               ///< tables that live
  std::vector<const float*> ticks;  ///< rows.data() of each tick that was taken, in order
  int n_submits = 0;
  int n_polls = 0;
  std::vector<std::byte*> slabs;
  bool is_destroyed = false;
};

/// Writes rows in poll(), for all lanes, and only if every lane's tables are its own.
engine::EngineInstance make_scripted_engine(Script& script, const engine::EngineInfo& info);

}  // namespace melstream::test
