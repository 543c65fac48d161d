// The thread of all sockets of sources: one Asio loop. What belongs to a socket is touched on this thread alone, so it
// needs no lock.
#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace boost::asio {
class io_context;
}

namespace melstream::audio {

/// Outlives the sources that use it.
class NetLoop {
 public:
  /// Starts the thread "ms-net".
  NetLoop();
  NetLoop(const NetLoop&) = delete;
  NetLoop& operator=(const NetLoop&) = delete;
  ~NetLoop();

  boost::asio::io_context& context() noexcept;
  /// Runs `work` on the thread, or at once if this is the thread, and waits for it. Rethrows what it throws.
  void call(const std::function<void()>& work);
  /// Runs `work` on the thread, later. Any thread; waits for nothing.
  void post(std::function<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::audio
