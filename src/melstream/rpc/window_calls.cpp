#include "melstream/rpc/window_calls.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/status.hpp"
#include "melstream/rpc/window_follow.hpp"
#include "melstream/rpc/window_list.hpp"
#include "melstream/rpc/windows_call.hpp"

namespace melstream::rpc {
namespace {

constexpr int kMaxParked = 256;
constexpr int kMaxMany = 64;

grpc::Status draining_status() {
  return {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"};
}

/// Throws Error as GetWindows documents.
std::unique_ptr<WindowAnswers> make_answers(const Environment& environment, const grpc::CallbackServerContext& context,
                                            const std::shared_ptr<const access::Grant>& grant,
                                            const v1::GetWindowsRequest& request) {
  switch (request.request_case()) {
    case v1::GetWindowsRequest::kList: {
      const auto deadline = std::min(context.deadline(), std::chrono::system_clock::now() + kLongestWait);
      return std::make_unique<WindowList>(environment, grant, request.list(), deadline);
    }
    case v1::GetWindowsRequest::kFollow:
      return std::make_unique<WindowFollow>(environment, grant, request.follow());
    case v1::GetWindowsRequest::REQUEST_NOT_SET:
      break;
  }
  throw core::Error(core::ErrorCode::kInvalidArgument, "set list or follow", "request");
}

}  // namespace

WindowCalls::WindowCalls(const Environment& environment, QueueBudget& budget)
    : environment_(environment),
      budget_(budget),
      worker_("ms-window", {.on_wake = [this] { serve(); }, .on_period = {}}) {}

WindowCalls::~WindowCalls() = default;

grpc::ServerUnaryReactor* WindowCalls::start(grpc::CallbackServerContext& context, const v1::GetWindowRequest& request,
                                             v1::GetWindowResponse& response) {
  try {
    const auto call = WindowCall::make(environment_, context, request, response, budget_, [this] { wake(); });
    park({call, call, false});
    return call.get();
  } catch (const std::exception& error) {
    grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
    reactor->Finish(to_status(error));
    return reactor;
  }
}

grpc::ServerWriteReactor<v1::GetWindowsResponse>* WindowCalls::start(const grpc::CallbackServerContext& context,
                                                                     const v1::GetWindowsRequest& request) {
  std::unique_ptr<WindowAnswers> answers;
  std::shared_ptr<access::Grant> grant;
  grpc::Status refusal;
  try {
    grant = admit(environment_, context, access::Access::Kind::kSubscribe);
    answers = make_answers(environment_, context, grant, request);
  } catch (const std::exception& error) {
    refusal = to_status(error);
  }
  const auto call = WindowsCall::make(environment_, std::move(answers), std::move(grant), [this] { wake(); });
  if (refusal.ok()) {
    park({call, {}, true});
  } else {
    call->end(refusal);
  }
  return call.get();
}

void WindowCalls::park(Parked call) {
  const std::lock_guard lock(mutex_);
  const int n_parked = n_parked_.load(std::memory_order_relaxed);
  if (closed_) return call.work->end(draining_status());
  if (n_parked >= kMaxParked) {
    return call.work->end({grpc::StatusCode::RESOURCE_EXHAUSTED,
                           std::to_string(n_parked) + " windows are asked for already; try again later"});
  }
  if (call.is_many && n_many_ >= kMaxMany) {
    return call.work->end({grpc::StatusCode::RESOURCE_EXHAUSTED, std::to_string(n_many_) +
                                                                     " calls of GetWindows are under way; close one, "
                                                                     "or ask for more windows by one of them"});
  }
  n_parked_.store(n_parked + 1, std::memory_order_release);
  if (call.is_many) ++n_many_;
  parked_.push_back(std::move(call));
  worker_.wake();
}

void WindowCalls::count_out(const Parked& call) {
  n_parked_.store(n_parked_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  if (call.is_many) --n_many_;
}

bool WindowCalls::is_closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void WindowCalls::keep_house() {
  if (budget_.is_short()) wake();
}

void WindowCalls::cut_stalled() {
  std::erase_if(answered_, [](const auto& call) { return call.expired(); });
  if (!budget_.is_short()) return;
  const std::int64_t since =
      environment_.clock().mono_ns() - std::chrono::nanoseconds(environment_.options.stall_patience).count();
  for (const auto& weak : answered_) {
    const auto call = weak.lock();
    if (call && call->answered_mono_ns() && *call->answered_mono_ns() <= since) call->cut();
  }
}

void WindowCalls::serve() {
  cut_stalled();
  std::vector<Parked> in_hand;
  {
    const std::lock_guard lock(mutex_);
    in_hand.swap(parked_);
  }
  std::vector<Parked> finished;
  const auto is_finished = [&](const Parked& call) {
    if (is_closed()) {
      call.work->end(draining_status());
    } else if (!call.work->take_turn()) {
      return false;
    }
    finished.push_back(call);
    return true;
  };
  std::erase_if(in_hand, is_finished);
  const std::lock_guard lock(mutex_);
  if (closed_) {
    for (const Parked& call : in_hand) call.work->end(draining_status());
    finished.insert(finished.end(), in_hand.begin(), in_hand.end());
    in_hand.clear();
  }
  for (const Parked& call : finished) {
    count_out(call);
    if (!call.is_many) answered_.push_back(call.one);
  }
  parked_.insert(parked_.begin(), in_hand.begin(), in_hand.end());
}

void WindowCalls::end_all() {
  std::vector<Parked> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls.swap(parked_);
    for (const Parked& call : calls) count_out(call);
  }
  for (const Parked& call : calls) call.work->end(draining_status());
}

}  // namespace melstream::rpc
