// How many RTP calls one core turns into features, and what a packet costs: 20 ms of PCMU each, beside a loop that only
// receives. The sender is a process on another core.
//
//   ingest_bench [--streams=1500] [--seconds=30] [--ramp=5] [--mode=both|demux|ports] [--front-end=kaldi-80]
//                [--rcvbuf=BYTES] [--receiver-core=0] [--sender-core=1] [--first-port=20000] [--bare=yes|no]
//
// demux: one port, a stream an SSRC; ports: one port a stream. Exit status: 0 no packet lost, 1 some lost, 64 usage.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>

#include "bench/ingest_bench/bare_receiver.hpp"
#include "bench/ingest_bench/pipeline_receiver.hpp"
#include "bench/ingest_bench/rtp_sender.hpp"
#include "bench/support/processor_time.hpp"

namespace {

using melstream::bench::Measured;
using melstream::bench::RtpSender;
using melstream::bench::Scenario;

constexpr int kUsage = 64;

struct CommandLine {
  Scenario scenario;
  std::string mode = "both";
  bool bare = true;
};

/// The value of --name=value; null if it is not this one.
const char* option(const std::string& name, const char* argument) {
  const std::string prefix = "--" + name + "=";
  return std::strncmp(argument, prefix.c_str(), prefix.size()) == 0 ? argument + prefix.size() : nullptr;
}

bool take(CommandLine& line, const char* argument) {
  Scenario& scenario = line.scenario;
  if (const char* streams = option("streams", argument)) {
    scenario.n_streams = std::atoi(streams);
  } else if (const char* seconds = option("seconds", argument)) {
    scenario.seconds = std::atof(seconds);
  } else if (const char* ramp = option("ramp", argument)) {
    scenario.ramp_s = std::atof(ramp);
  } else if (const char* mode = option("mode", argument)) {
    line.mode = mode;
  } else if (const char* front_end = option("front-end", argument)) {
    scenario.front_end = front_end;
  } else if (const char* bytes = option("rcvbuf", argument)) {
    scenario.receive_bytes = std::atoi(bytes);
  } else if (const char* receiver = option("receiver-core", argument)) {
    scenario.receiver_core = std::atoi(receiver);
  } else if (const char* sender = option("sender-core", argument)) {
    scenario.sender_core = std::atoi(sender);
  } else if (const char* port = option("first-port", argument)) {
    scenario.first_port = std::atoi(port);
  } else if (const char* bare = option("bare", argument)) {
    line.bare = std::string(bare) != "no";
  } else {
    return false;
  }
  return true;
}

bool is_possible(const CommandLine& line) {
  const Scenario& scenario = line.scenario;
  const bool mode = line.mode == "both" || line.mode == "demux" || line.mode == "ports";
  return mode && scenario.n_streams > 0 && scenario.seconds > 0 && scenario.ramp_s >= 0 && scenario.first_port > 0 &&
         scenario.first_port + 2 * scenario.n_streams < 65536;
}

/// @return packets that are missing.
std::int64_t report(const std::string& name, const Measured& measured, const RtpSender::Sent& sent) {
  const double share = measured.processor_s / measured.seconds * 100;
  std::cout << name << ": " << std::fixed << std::setprecision(3)
            << measured.processor_s / static_cast<double>(measured.n_packets) * 1e6 << " us a packet, "
            << std::setprecision(1) << share << " % of the core, "
            << static_cast<double>(measured.n_packets) / measured.seconds << " packets a second\n  sent "
            << sent.n_packets << ", received " << measured.n_received << ", late milliseconds of the sender "
            << sent.n_late_ms << '\n';
  for (const std::string& detail : measured.details) std::cout << detail << '\n';
  std::cout << std::flush;
  return sent.n_packets - measured.n_received + measured.n_lost;
}

bool run(CommandLine line, bool demux) {
  line.scenario.demux = demux;
  std::cout << "== " << line.scenario.n_streams << " calls, " << (demux ? "one port (demux=ssrc)" : "one port each")
            << '\n';
  if (line.bare) {
    RtpSender sender(line.scenario);
    const Measured measured = melstream::bench::receive_bare(line.scenario, sender);
    report("bare recvmmsg", measured, sender.wait());
  }
  RtpSender sender(line.scenario);
  const auto [measured, sent] = melstream::bench::receive_into_pipeline(line.scenario, sender);
  const std::int64_t n_missing = report("into " + line.scenario.front_end, measured, sent);
  std::cout << (n_missing == 0 ? "no packet lost\n" : "PACKETS LOST\n") << std::flush;
  return n_missing == 0;
}

}  // namespace

int main(int n_arguments, char** arguments) {
  CommandLine line;
  for (int i = 1; i < n_arguments; ++i) {
    if (!take(line, arguments[i])) {
      std::cerr << "ingest_bench: unknown argument '" << arguments[i]
                << "'; see the head of bench/ingest_bench/main.cpp\n";
      return kUsage;
    }
  }
  if (!is_possible(line)) {
    std::cerr << "ingest_bench: needs --mode=both, demux or ports, and streams whose ports fit below 65536\n";
    return kUsage;
  }
  try {
    melstream::bench::pin_to(line.scenario.receiver_core);
    bool clean = true;
    if (line.mode != "ports") clean = run(line, true) && clean;
    if (line.mode != "demux") clean = run(line, false) && clean;
    return clean ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "ingest_bench: " << error.what() << '\n';
    return 1;
  }
}
