// One call of GetWindow, parked until the stream holds its samples.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/window_query.hpp"
#include "melstream/rpc/window_work.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// Owns itself until OnDone().
class WindowCall final : public grpc::ServerUnaryReactor, public WindowWork {
 public:
  /// Throws Error as GetWindow documents. @param response lives until the call is done. @param wake asks for a turn;
  /// any thread, must not block, outlives the call.
  static std::shared_ptr<WindowCall> make(const Environment& environment, const grpc::CallbackServerContext& context,
                                          const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                                          std::function<void()> wake);

  bool take_turn() override;
  void end(const grpc::Status& status) override { Finish(status); }

  void OnCancel() override;
  void OnDone() override { const std::shared_ptr<WindowCall> last = std::move(self_); }

 private:
  WindowCall(const Environment& environment, const grpc::CallbackServerContext& context,
             const v1::GetWindowRequest& request, v1::GetWindowResponse& response, std::function<void()> wake);

  const Environment& environment_;
  const std::shared_ptr<access::Grant> grant_;
  v1::GetWindowResponse& response_;
  const WindowQuery query_;
  const std::shared_ptr<pipeline::Stream> stream_;
  const std::chrono::system_clock::time_point deadline_;
  const std::function<void()> wake_;
  // Writer: gRPC; reader: worker.
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<WindowCall> self_;
};

}  // namespace melstream::rpc
