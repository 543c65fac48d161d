#include "melstream/rpc/publishers.hpp"

#include <algorithm>
#include <utility>

namespace melstream::rpc {

bool Publishers::add(std::shared_ptr<PublishingCall> call) {
  const std::lock_guard lock(mutex_);
  if (closed_ || calls_.size() >= max_calls_) return false;
  calls_.push_back(std::move(call));
  return true;
}

void Publishers::remove(const PublishingCall& call) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const auto& one) { return one.get() == &call; };
  std::erase_if(calls_, is_it);
  std::erase_if(blocked_, is_it);
}

void Publishers::add_blocked(std::shared_ptr<PublishingCall> call) {
  const std::lock_guard lock(mutex_);
  blocked_.push_back(std::move(call));
  any_blocked_.store(true, std::memory_order_release);
}

void Publishers::resume_blocked() {
  std::vector<std::shared_ptr<PublishingCall>> blocked;
  {
    const std::lock_guard lock(mutex_);
    blocked.swap(blocked_);
    any_blocked_.store(false, std::memory_order_release);
  }
  for (const auto& call : blocked) call->resume();
}

bool Publishers::empty() const {
  const std::lock_guard lock(mutex_);
  return calls_.empty();
}

std::vector<std::shared_ptr<PublishingCall>> Publishers::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void Publishers::keep_house(std::int64_t now_mono_ns) {
  for (const auto& call : calls()) call->keep_house(now_mono_ns);
}

void Publishers::end_all() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  for (const auto& call : calls()) call->shut_down();
}

}  // namespace melstream::rpc
