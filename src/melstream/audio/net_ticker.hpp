// Calls a source regularly on the thread of sockets, so that it looks at its clock: timeouts, and whatever waits for
// room. What time it is, the source's core::Clock says, which tests turn.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace melstream::audio {

class NetLoop;

/// Made and destroyed on ms-net.
class NetTicker {
 public:
  /// @param tick never called after the destruction.
  NetTicker(NetLoop& net, std::chrono::milliseconds period, std::function<void()> tick);
  NetTicker(const NetTicker&) = delete;
  NetTicker& operator=(const NetTicker&) = delete;
  ~NetTicker();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace melstream::audio
