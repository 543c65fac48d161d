// A call that the worker "ms-window" serves: GetWindow or GetWindows. Calls take turns, a window each.
#pragma once

#include <grpcpp/support/status.h>

namespace melstream::rpc {

/// One thread at a time: the worker, or whoever ends all calls while the worker does not have it.
class WindowWork {
 public:
  virtual ~WindowWork() = default;
  /// Computes a window at most. True if the call is finished now.
  virtual bool take_turn() = 0;
  /// Finishes the call.
  virtual void end(const grpc::Status& status) = 0;
};

}  // namespace melstream::rpc
