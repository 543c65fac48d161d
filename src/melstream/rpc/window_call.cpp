#include "melstream/rpc/window_call.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {

WindowCall::WindowCall(const Environment& environment, const grpc::CallbackServerContext& context,
                       const v1::GetWindowRequest& request, v1::GetWindowResponse& response, std::function<void()> wake)
    : environment_(environment),
      grant_(admit(environment, context, access::Access::Kind::kRead)),
      response_(response),
      query_(window_query(request, environment.registry().catalog())),
      stream_(find_window_stream(request, environment.registry(), *grant_)),
      deadline_(std::min(context.deadline(), std::chrono::system_clock::now() + kLongestWait)),
      wake_(std::move(wake)) {}

std::shared_ptr<WindowCall> WindowCall::make(const Environment& environment, const grpc::CallbackServerContext& context,
                                             const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                                             std::function<void()> wake) {
  std::shared_ptr<WindowCall> call(new WindowCall(environment, context, request, response, std::move(wake)));
  call->self_ = call;
  return call;
}

bool WindowCall::take_turn() {
  if (cancelled_.load(std::memory_order_acquire)) {
    Finish(grpc::Status::CANCELLED);
    return true;
  }
  const bool in_time = std::chrono::system_clock::now() + kBeforeDeadline < deadline_;
  if (in_time && pipeline::WindowReader::must_wait(*stream_, query_.window)) return false;
  grpc::Status status = grpc::Status::OK;
  try {
    answer_window(environment_, *stream_, query_, response_);
  } catch (const std::exception& error) {
    status = to_status(error);
  }
  Finish(status);
  return true;
}

void WindowCall::OnCancel() {
  cancelled_.store(true, std::memory_order_release);
  wake_();
}

}  // namespace melstream::rpc
