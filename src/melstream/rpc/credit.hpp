// Acknowledgements of one subscription: what is under way to a reader is what it did not acknowledge, however much the
// proxies between hold. Pure: time is passed in.
#pragma once

#include <cstdint>
#include <deque>

namespace melstream::rpc {

class Credit {
 public:
  /// A response goes out.
  void sent(std::int64_t now_mono_ns);
  /// The reader has read so many responses in all. From the first time on, it is held to it. Throws
  /// Error(kInvalidArgument) for more than were sent, or fewer than before.
  void acknowledge(std::int64_t n_responses);
  /// No acknowledgement will come any more: nothing is held back.
  void waive() noexcept { acknowledges_ = false; }
  /// Nothing that was sent more than a second ago is without acknowledgement.
  bool allows(std::int64_t now_mono_ns) const noexcept;

  std::int64_t n_sent() const noexcept { return n_sent_; }
  bool acknowledges() const noexcept { return acknowledges_; }
  std::int64_t n_unacknowledged() const noexcept { return n_sent_ - n_acknowledged_; }

 private:
  /// Responses that went out within a twentieth of a second.
  struct Burst {
    std::int64_t begin_mono_ns;
    std::int64_t n_sent;  ///< in all, at its end
  };
  std::deque<Burst> unacknowledged_;  ///< oldest first
  std::int64_t n_sent_ = 0;
  std::int64_t n_acknowledged_ = 0;
  bool acknowledges_ = false;
};

}  // namespace melstream::rpc
