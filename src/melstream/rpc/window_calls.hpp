// Calls of GetWindow and GetWindows: checked on gRPC's threads, parked, and served in turns by the thread "ms-window",
// a window each, so that a long list keeps nobody waiting for longer than the others' windows take.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/window_call.hpp"
#include "melstream/rpc/window_work.hpp"
#include "melstream/rpc/worker.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// Thread-safe.
class WindowCalls {
 public:
  /// @param budget of bytes that no kernel has taken; outlives this.
  WindowCalls(const Environment& environment, QueueBudget& budget);
  ~WindowCalls();

  /// The reactor of a new call of GetWindow; request and response live until it is done.
  grpc::ServerUnaryReactor* start(grpc::CallbackServerContext& context, const v1::GetWindowRequest& request,
                                  v1::GetWindowResponse& response);
  /// The reactor of a new call of GetWindows.
  grpc::ServerWriteReactor<v1::GetWindowsResponse>* start(const grpc::CallbackServerContext& context,
                                                          const v1::GetWindowsRequest& request);
  /// Calls that are there now.
  int n_parked() const noexcept { return n_parked_.load(std::memory_order_acquire); }
  bool any_parked() const noexcept { return n_parked_.load(std::memory_order_acquire) > 0; }
  /// Samples were published, or a call was cancelled.
  void wake() noexcept { worker_.wake(); }
  /// Looks for clients that do not take their answers. About once a second; any thread.
  void keep_house();
  /// Ends all with UNAVAILABLE, those to come too.
  void end_all();

 private:
  struct Parked {
    std::shared_ptr<WindowWork> work;
    std::weak_ptr<WindowCall> one;  ///< the same, if it is of GetWindow
    bool is_many = false;           ///< of GetWindows
  };

  /// Parks a call, or finishes it: too many are there, or the daemon drains.
  void park(Parked call);
  void serve();
  /// Cuts clients off that do not take their answers, if memory for answers is short.
  void cut_stalled();
  bool is_closed();
  /// Needs mutex_.
  void count_out(const Parked& call);

  const Environment& environment_;
  QueueBudget& budget_;
  // Writers: whoever holds mutex_; reader: the tick thread, that skips the wake. A stale 0 costs one tick.
  std::atomic<int> n_parked_{0};  ///< those that the worker has in hand too
  std::mutex mutex_;              // protects all below
  int n_many_ = 0;                ///< of n_parked_, those of GetWindows
  std::vector<Parked> parked_;
  bool closed_ = false;
  std::vector<std::weak_ptr<WindowCall>> answered_;  ///< that may not have been taken yet; the worker's
  Worker worker_;                                    // last: it uses all above
};

}  // namespace melstream::rpc
