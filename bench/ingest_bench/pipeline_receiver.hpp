// The daemon's path from packets to features, without the part that hands them out: rtp: source, ingest, rings, tick
// thread, CPU engine, feature histories.
#pragma once

#include "bench/ingest_bench/rtp_sender.hpp"
#include "bench/ingest_bench/scenario.hpp"

namespace melstream::bench {

struct PipelineRun {
  Measured measured;
  RtpSender::Sent sent;
};

/// Opens the source, has the sender begin, measures. Throws std::exception.
PipelineRun receive_into_pipeline(const Scenario& scenario, RtpSender& sender);

}  // namespace melstream::bench
