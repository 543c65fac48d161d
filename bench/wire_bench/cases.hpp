// The cases of wire_bench. Each prints its figures. All throw std::runtime_error if a process fails.
#pragma once

#include "bench/wire_bench/options.hpp"

namespace melstream::bench {

// Processor time at a steady load, against a bare server.
void measure_own_connections(const WireOptions& options);
void measure_multiplexed(const WireOptions& options);
void measure_fan_out(const WireOptions& options);

// Readers that do not read, or have nothing to read.
void measure_stopped_readers(const WireOptions& options);
void measure_memory(const WireOptions& options);
void measure_queue(const WireOptions& options);

}  // namespace melstream::bench
