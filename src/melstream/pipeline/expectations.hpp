// Front ends that readers want of streams yet to come. A stream computes them from its first frame on; without that,
// audio that comes faster than its reader joins would be over before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "melstream/engine/front_end.hpp"

namespace melstream::pipeline {

class Stream;

struct Expectation {
  /// Any thread that opens streams; must not wait, nor open or subscribe.
  std::function<bool(const Stream&)> wants;
  std::shared_ptr<const engine::FrontEnd> front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
};

/// Thread-safe.
class Expectations {
 public:
  /// Holds one, until it is gone; when that has happened, `wants` does not run. Outlived by the Expectations.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Expectations* owner, std::uint64_t number) : owner_(owner), number_(number) {}
    Ticket(Ticket&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), number_(other.number_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(number_, other.number_);
      return *this;
    }
    ~Ticket() {
      if (owner_ != nullptr) owner_->remove(number_);
    }

   private:
    Expectations* owner_ = nullptr;
    std::uint64_t number_ = 0;
  };

  [[nodiscard]] Ticket add(Expectation expectation) {
    const std::lock_guard lock(mutex_);
    held_.push_back({++n_added_, std::move(expectation)});
    return {this, n_added_};
  }

  /// What is wanted of this stream, each front end with its smoothing once.
  std::vector<Expectation> of(const Stream& stream) const {
    const std::lock_guard lock(mutex_);
    std::vector<Expectation> wanted;
    for (const Held& one : held_) {
      if (!is_among(wanted, one.expectation) && one.expectation.wants(stream)) wanted.push_back(one.expectation);
    }
    return wanted;
  }

 private:
  struct Held {
    std::uint64_t number;
    Expectation expectation;
  };

  static bool is_among(const std::vector<Expectation>& wanted, const Expectation& one) {
    for (const Expectation& other : wanted) {
      if (other.smoothing == one.smoothing && other.front_end->sha256() == one.front_end->sha256()) return true;
    }
    return false;
  }

  void remove(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const Held& one) { return one.number == number; });
  }

  mutable std::mutex mutex_;  // protects all below
  std::vector<Held> held_;
  std::uint64_t n_added_ = 0;
};

}  // namespace melstream::pipeline
