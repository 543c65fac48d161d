// Calls of GetWindow: checked on gRPC's threads, parked until the stream holds their samples, computed on the thread
// "ms-window".
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/worker.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

class WindowCall;

/// Thread-safe.
class WindowCalls {
 public:
  explicit WindowCalls(const Environment& environment);
  ~WindowCalls();

  /// The reactor of a new call; request and response live until it is done.
  grpc::ServerUnaryReactor* start(grpc::CallbackServerContext& context, const v1::GetWindowRequest& request,
                                  v1::GetWindowResponse& response);
  bool any_parked() const noexcept { return n_parked_.load(std::memory_order_acquire) > 0; }
  /// Samples were published, or a call was cancelled.
  void wake() noexcept { worker_.wake(); }
  /// Ends all with UNAVAILABLE, those to come too.
  void end_all();

 private:
  void answer_ready();

  const Environment& environment_;
  // Writers: whoever holds mutex_; reader: the tick thread, that skips the wake. A stale 0 costs one tick.
  std::atomic<int> n_parked_{0};
  std::mutex mutex_;  // protects parked_ and closed_
  std::vector<std::shared_ptr<WindowCall>> parked_;
  bool closed_ = false;
  Worker worker_;  // last: it uses all above
};

}  // namespace melstream::rpc
