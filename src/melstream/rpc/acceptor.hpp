// The thread "ms-accept": accepts connections in Asio, counts them against a limit and hands their descriptors over,
// and relays the tick thread's wakes to where gRPC may be called. gRPC's own listener dies for good when the process
// runs out of descriptors (CVE-2023-4785), so it gets none. May wait on: its sockets, its wake descriptor, its timer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "melstream/rpc/listen_socket.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

struct AcceptCounts {
  std::int64_t accepted = 0;
  std::int64_t refused = 0;     ///< over a limit: accepted and closed at once
  std::int64_t out_of_fds = 0;  ///< accept() found no descriptor free, and was tried again 100 ms later
};

class Acceptor {
 public:
  struct Hooks {
    std::function<void(std::size_t listener, int fd)> hand_over;  ///< takes the descriptor; accept thread
    std::function<void()> on_wake;                                ///< after wake(); accept thread
    ServerStats* stats = nullptr;                                 ///< outlives the acceptor; null: counts() alone
  };

  Acceptor(std::vector<ListenSocket> listeners, const ConnectionLimits& limits, Hooks hooks);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  /// As stop().
  ~Acceptor();

  /// Asks for on_wake; several before it runs become one. Any thread, never blocks, allocates nothing.
  void wake() noexcept;
  /// For connections from now on. Any thread but the accept thread.
  void set_limits(const ConnectionLimits& limits);
  /// Asks for `beat` on the accept thread, with the connections counted anew before it. Any thread.
  void look(std::function<void()> beat);
  /// Closes the listeners; returns once none accepts any more. Wakes go on. Not on the accept thread.
  void stop_accepting();
  /// Waits until peers have taken all that was written to their connections; over TCP, their kernels. False if some
  /// have not at `deadline`. What gRPC still holds does not count. Not on the accept thread, not after stop().
  bool wait_until_taken(std::chrono::steady_clock::time_point deadline);
  /// From now on, over TCP, peers that take nothing for so long are given up. Not after stop().
  void expect_answers_within(std::chrono::milliseconds patience);
  /// Ends all connections after `delay`, unless the acceptor is gone by then. What is still to be sent may be lost.
  void cut_connections_after(std::chrono::milliseconds delay);
  /// Stops the thread; connections stay, wake() has no effect any more. Idempotent.
  void stop();
  /// Any thread.
  AcceptCounts counts() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::rpc
