#include "melstream/rpc/window_call.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {

WindowCall::WindowCall(const Environment& environment, const grpc::CallbackServerContext& context,
                       const v1::GetWindowRequest& request, v1::GetWindowResponse& response, QueueBudget& budget,
                       std::function<void()> wake)
    : environment_(environment),
      context_(context),
      grant_(admit(environment, context, access::Access::Kind::kRead)),
      response_(response),
      query_(window_query(request, environment.registry().catalog())),
      stream_(find_window_stream(request, environment.registry(), *grant_)),
      deadline_(std::min(context.deadline(), std::chrono::system_clock::now() + kLongestWait)),
      budget_(budget),
      wake_(std::move(wake)) {}

std::shared_ptr<WindowCall> WindowCall::make(const Environment& environment, const grpc::CallbackServerContext& context,
                                             const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                                             QueueBudget& budget, std::function<void()> wake) {
  std::shared_ptr<WindowCall> call(new WindowCall(environment, context, request, response, budget, std::move(wake)));
  call->self_ = call;
  return call;
}

bool WindowCall::take_turn() {
  if (cancelled_.load(std::memory_order_acquire)) {
    Finish(grpc::Status::CANCELLED);
    return true;
  }
  if (grant_->revoked()) {
    Finish(revoked_status(environment_));
    return true;
  }
  const bool in_time = std::chrono::system_clock::now() + kBeforeDeadline < deadline_;
  if (in_time && pipeline::WindowReader::must_wait(*stream_, query_.window)) return false;
  answered_mono_ns_ = environment_.clock().mono_ns();
  Finish(answer());
  return true;
}

grpc::Status WindowCall::answer() {
  try {
    answer_window(environment_, *stream_, query_, response_);
  } catch (const std::exception& error) {
    return to_status(error);
  }
  const std::size_t n_bytes = 2 * response_.ByteSizeLong();  // the message, and what gRPC makes of it
  if (!budget_.try_take(n_bytes)) {
    response_.Clear();
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "too many answers are waiting for clients to take them (memory.queued_bytes); try again later"};
  }
  n_queued_bytes_ = n_bytes;
  return grpc::Status::OK;
}

void WindowCall::cut() {
  const std::lock_guard lock(done_mutex_);
  if (!done_) context_.TryCancel();
}

void WindowCall::OnDone() {
  const std::shared_ptr<WindowCall> last = std::move(self_);
  budget_.give_back(n_queued_bytes_);
  const std::lock_guard lock(done_mutex_);
  done_ = true;
}

void WindowCall::OnCancel() {
  cancelled_.store(true, std::memory_order_release);
  wake_();
}

}  // namespace melstream::rpc
