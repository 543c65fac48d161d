// What a run of a load test measured, of all its threads, the daemon and the machine.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "client/latency.hpp"

namespace melstream::client {

/// Of the daemon, between the ramp and the end, as GetServerInfo tells it.
struct DaemonUse {
  bool known = false;  ///< it answered at both ends
  std::string backend;
  std::string target;
  int engine_threads = 1;
  double tick_ms = 0;
  double wall_s = 0;
  double cpu_s = 0;
  int processors = 0;
  std::map<std::string, double> thread_shares;  ///< by name: of one processor; of one thread only, not of several
  double tick_share = 0;                        ///< of the time: the tick thread in passes
  double engine_share = 0;                      ///< of the time: the engine with a batch
  std::int64_t late_ticks = 0;
  std::int64_t resident_bytes = 0;       ///< at the end
  std::int64_t resident_bytes_peak = 0;  ///< since its start
  std::int64_t queued_bytes_peak = 0;    ///< since its start
  int most_streams_shed = 0;
  int unanswered = 0;  ///< calls of GetServerInfo without an answer within a second
  bool engine_lost = false;
  bool is_local = false;  ///< on this machine: clocks and processors are shared
};

/// Of the load generator itself, and of the machine that it runs on.
struct GeneratorUse {
  int n_threads = 0;         ///< that send or read
  double busiest_share = 0;  ///< of one processor, of the thread that needed most
  double cpu_s = 0;          ///< of the whole process
  double machine_share = 0;  ///< of all processors together, busy with anything
  int machine_processors = 0;
};

struct LoadFacts {
  // What was asked for.
  int n_streams = 0;
  std::string readers;  ///< "one", "many", "none"
  bool batch = false;
  int chunk_ms = 20;
  std::int64_t chunk_samples = 0;
  std::string front_end;
  double measured_s = 0;     ///< after the ramp
  bool interrupted = false;  ///< before its time

  // Audio in.
  int n_started = 0;
  int n_completed = 0;
  std::int64_t chunks_sent = 0;
  std::int64_t chunks_lost = 0;                    ///< due, never sent
  std::int64_t chunks_held_back = 0;               ///< due while the one before was under way
  std::int64_t dropped_samples = 0;                ///< by the daemon, at the source's rate
  std::map<std::string, std::int64_t> dropped_by;  ///< samples by reason
  std::map<std::string, int> failures;             ///< what was said: how many streams
  LatencyHistogram lateness;                       ///< of the generator: due until sent

  // Features out.
  std::int64_t frames_expected = 0;  ///< of all readers, less what edges may cost
  std::int64_t frames_delivered = 0;
  std::int64_t frames_gapped = 0;
  std::map<std::string, std::int64_t> gapped_by;  ///< frames by reason
  std::int64_t losses = 0;                        ///< gaps and discontinuities
  std::int64_t holes = 0;
  int n_ended = 0;
  LatencyHistogram latency;  ///< capture of a row's newest sample to its receipt
  LatencyHistogram added;    ///< arrival at the daemon to receipt

  DaemonUse daemon;
  GeneratorUse generator;
};

}  // namespace melstream::client
