// The calls: a process of its own that sends packets on time, a few each millisecond.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "bench/ingest_bench/scenario.hpp"

namespace melstream::bench {

class RtpSender {
 public:
  /// Forks: call it before there are threads. Sends nothing yet. Throws std::runtime_error.
  explicit RtpSender(const Scenario& scenario);
  RtpSender(const RtpSender&) = delete;
  RtpSender& operator=(const RtpSender&) = delete;
  ~RtpSender();

  /// The receiver is there.
  void begin();
  struct Sent {
    std::int64_t n_packets = 0;
    std::int64_t n_late_ms = 0;  ///< milliseconds that began over a millisecond late
  };
  /// Waits until all is sent.
  Sent wait();

 private:
  pid_t pid_ = -1;
  int go_ = -1;
  int result_ = -1;
};

}  // namespace melstream::bench
