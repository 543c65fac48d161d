// One call of GetWindows: writes what its WindowAnswers have to tell, one response under way at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/window_answers.hpp"
#include "melstream/rpc/window_work.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// Owns itself until OnDone().
class WindowsCall final : public grpc::ServerWriteReactor<v1::GetWindowsResponse>, public WindowWork {
 public:
  /// @param answers null for a call that is refused: end() it. @param wake asks for a turn; any thread, must not block,
  /// outlives the call.
  static std::shared_ptr<WindowsCall> make(const Environment& environment, std::unique_ptr<WindowAnswers> answers,
                                           std::shared_ptr<const access::Grant> grant, std::function<void()> wake);

  bool take_turn() override;
  void end(const grpc::Status& status) override { Finish(status); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { const std::shared_ptr<WindowsCall> last = std::move(self_); }

 private:
  WindowsCall(const Environment& environment, std::unique_ptr<WindowAnswers> answers,
              std::shared_ptr<const access::Grant> grant, std::function<void()> wake);
  grpc::Status step(bool& over);

  const Environment& environment_;
  const std::unique_ptr<WindowAnswers> answers_;
  const std::shared_ptr<const access::Grant> grant_;
  const std::function<void()> wake_;
  std::shared_ptr<WindowsCall> self_;
  v1::GetWindowsResponse response_;  ///< gRPC's while writing_
  // Writers: worker (true), gRPC (false, release: response_ is free again); reader: worker.
  std::atomic<bool> writing_{false};
  // Writer: gRPC; reader: worker.
  std::atomic<bool> cancelled_{false};
};

}  // namespace melstream::rpc
