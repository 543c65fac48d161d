// One run of a load test: opens streams and readers, sends, ends, and gathers what came of it.
#pragma once

#include "client/connection.hpp"
#include "client/interrupt.hpp"
#include "client/load/load_facts.hpp"
#include "client/load/load_plan.hpp"
#include "client/server_option.hpp"

namespace melstream::client {

/// Blocks until all streams have ended, or have not in time. A signal ends it early, with what is known by then.
/// @param quiet no progress on stderr. Throws ClientError if the daemon
/// refuses what is asked for, saying which key of its config to raise.
LoadFacts run_trial(const LoadPlan& plan, const ServerOption& server, const Interrupt& interrupt, bool quiet);

}  // namespace melstream::client
