// What receiving alone costs: a loop of epoll and recvmmsg that looks at nothing.
#pragma once

#include "bench/ingest_bench/scenario.hpp"

namespace melstream::bench {

class RtpSender;

/// Binds, has the sender begin, receives until it is done. Throws std::runtime_error.
Measured receive_bare(const Scenario& scenario, RtpSender& sender);

}  // namespace melstream::bench
