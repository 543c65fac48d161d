// One call of GetWindow, parked until the stream holds its samples.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/window_query.hpp"
#include "melstream/rpc/window_work.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// Owns itself until OnDone().
class WindowCall final : public grpc::ServerUnaryReactor, public WindowWork {
 public:
  /// Throws Error as GetWindow documents. @param response lives until the call is done. @param budget of bytes that no
  /// kernel has taken; outlives the call. @param wake asks for a turn; any thread, must not block, outlives the call.
  static std::shared_ptr<WindowCall> make(const Environment& environment, const grpc::CallbackServerContext& context,
                                          const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                                          QueueBudget& budget, std::function<void()> wake);

  bool take_turn() override;
  void end(const grpc::Status& status) override { Finish(status); }
  /// When it was answered; nothing before. Worker.
  std::optional<std::int64_t> answered_mono_ns() const noexcept { return answered_mono_ns_; }
  /// Ends the call, whose client does not take the answer. Worker, who holds it.
  void cut();

  void OnCancel() override;
  void OnDone() override;

 private:
  WindowCall(const Environment& environment, const grpc::CallbackServerContext& context,
             const v1::GetWindowRequest& request, v1::GetWindowResponse& response, QueueBudget& budget,
             std::function<void()> wake);
  grpc::Status answer();

  const Environment& environment_;
  const grpc::CallbackServerContext& context_;
  const std::shared_ptr<access::Grant> grant_;
  v1::GetWindowResponse& response_;
  const WindowQuery query_;
  const std::shared_ptr<pipeline::Stream> stream_;
  const std::chrono::system_clock::time_point deadline_;
  QueueBudget& budget_;
  const std::function<void()> wake_;
  std::optional<std::int64_t> answered_mono_ns_;
  std::size_t n_queued_bytes_ = 0;  ///< of the answer; the worker's until it finishes the call, then gRPC's
  std::mutex done_mutex_;           // protects done_, and context_ from gRPC while cut() uses it
  bool done_ = false;
  // Writer: gRPC; reader: worker.
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<WindowCall> self_;
};

}  // namespace melstream::rpc
