#include "melstream/rpc/windows_call.hpp"

#include <exception>
#include <utility>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {

WindowsCall::WindowsCall(const Environment& environment, std::unique_ptr<WindowAnswers> answers,
                         std::shared_ptr<const access::Grant> grant, std::function<void()> wake)
    : environment_(environment), answers_(std::move(answers)), grant_(std::move(grant)), wake_(std::move(wake)) {}

std::shared_ptr<WindowsCall> WindowsCall::make(const Environment& environment, std::unique_ptr<WindowAnswers> answers,
                                               std::shared_ptr<const access::Grant> grant, std::function<void()> wake) {
  std::shared_ptr<WindowsCall> call(
      new WindowsCall(environment, std::move(answers), std::move(grant), std::move(wake)));
  call->self_ = call;
  // So that the client knows from when on streams are followed.
  if (call->answers_) call->StartSendInitialMetadata();
  return call;
}

bool WindowsCall::take_turn() {
  if (cancelled_.load(std::memory_order_acquire)) {
    Finish(grpc::Status::CANCELLED);
    return true;
  }
  if (grant_->revoked()) {
    Finish(revoked_status(environment_));
    return true;
  }
  bool over = false;
  const grpc::Status status = step(over);
  if (over) Finish(status);
  return over;
}

grpc::Status WindowsCall::step(bool& over) {
  try {
    answers_->look();
    if (writing_.load(std::memory_order_acquire)) return grpc::Status::OK;
    response_.Clear();
    switch (answers_->next(response_)) {
      case WindowAnswers::Next::kResponse:
        writing_.store(true, std::memory_order_relaxed);
        StartWrite(&response_);
        break;
      case WindowAnswers::Next::kNotYet:
        break;
      case WindowAnswers::Next::kOver:
        over = true;
        break;
    }
    return grpc::Status::OK;
  } catch (const std::exception& error) {
    over = true;
    return to_status(error);
  }
}

void WindowsCall::OnWriteDone(bool ok) {
  if (!ok) cancelled_.store(true, std::memory_order_release);  // the client is gone
  writing_.store(false, std::memory_order_release);
  wake_();
}

void WindowsCall::OnCancel() {
  cancelled_.store(true, std::memory_order_release);
  wake_();
}

}  // namespace melstream::rpc
