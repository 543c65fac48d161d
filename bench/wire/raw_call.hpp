// Calls of a load generator, which are those of `melstream load`, and their connections.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/load/raw_call.hpp"

namespace melstream::bench {

using client::CallQueue;
using client::RawCall;
using client::to_buffer;

/// `n` connections, none of them shared with other channels. @param address as gRPC writes it.
std::vector<std::shared_ptr<grpc::Channel>> connect(const std::string& address, int n);

}  // namespace melstream::bench
