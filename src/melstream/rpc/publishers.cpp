#include "melstream/rpc/publishers.hpp"

#include <algorithm>
#include <utility>

#include "melstream/rpc/audio_session.hpp"

namespace melstream::rpc {

bool Publishers::add(std::shared_ptr<AudioSession> session) {
  const std::lock_guard lock(mutex_);
  if (closed_ || sessions_.size() >= max_sessions_) return false;
  sessions_.push_back(std::move(session));
  return true;
}

void Publishers::remove(const AudioSession& session) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const auto& one) { return one.get() == &session; };
  std::erase_if(sessions_, is_it);
  std::erase_if(blocked_, is_it);
}

void Publishers::add_blocked(std::shared_ptr<AudioSession> session) {
  const std::lock_guard lock(mutex_);
  blocked_.push_back(std::move(session));
  any_blocked_.store(true, std::memory_order_release);
}

void Publishers::resume_blocked() {
  std::vector<std::shared_ptr<AudioSession>> blocked;
  {
    const std::lock_guard lock(mutex_);
    blocked.swap(blocked_);
    any_blocked_.store(false, std::memory_order_release);
  }
  for (const auto& session : blocked) session->resume();
}

std::vector<std::shared_ptr<AudioSession>> Publishers::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

void Publishers::end_idle(std::int64_t now_mono_ns) {
  for (const auto& session : sessions()) session->end_if_idle(now_mono_ns);
}

void Publishers::end_all() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  for (const auto& session : sessions()) session->shut_down();
}

}  // namespace melstream::rpc
