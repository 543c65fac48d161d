// Calls of WatchStreams: each is told how the list of streams differs from what it was told before. A slow reader gets
// the newest state, not every step to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "melstream/rpc/environment.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

class WatchCall;

/// Thread-safe.
class WatchCalls {
 public:
  /// @param request_update makes update() run soon on the worker; any thread, must not block.
  WatchCalls(const Environment& environment, std::function<void()> request_update);
  ~WatchCalls();

  /// The reactor of a new call; it ends at once if its selection is none, or the caller may not.
  grpc::ServerWriteReactor<v1::WatchStreamsResponse>* start(const grpc::CallbackServerContext& context,
                                                            const v1::WatchStreamsRequest& request);
  /// True if somebody watches and streams have opened, ended or gone. Tick thread.
  bool is_stale() const noexcept;
  /// Worker.
  void update();
  /// Ends those whose access was withdrawn. Worker.
  void end_revoked();
  /// Ends all with UNAVAILABLE, those to come too.
  void end_all();

 private:
  friend class WatchCall;
  void remove(const WatchCall& call);

  const Environment& environment_;
  const std::function<void()> request_update_;
  // Writer: whoever holds mutex_, and the worker; reader: the tick thread. A stale value costs one tick.
  std::atomic<int> n_calls_{0};
  std::atomic<std::uint64_t> told_generation_{0};
  std::mutex mutex_;  // protects calls_ and closed_
  std::vector<std::shared_ptr<WatchCall>> calls_;
  bool closed_ = false;
};

}  // namespace melstream::rpc
