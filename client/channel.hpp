// Makes the channel to a daemon: plain or TLS, with a token on each call if there is one. Any thread.
#pragma once

#include <memory>

#include "client/server_address.hpp"
#include "client/server_option.hpp"

namespace grpc {
class Channel;
}

namespace melstream::client {

/// Throws ClientError: kUsage (what does not go together, a token that would travel in the clear), kInput (a file that
/// cannot be read).
std::shared_ptr<grpc::Channel> make_channel(const ServerAddress& server, const ServerOption& option);

}  // namespace melstream::client
