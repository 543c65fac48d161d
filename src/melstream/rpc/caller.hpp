// Who makes a call, as its context says, and whether they may. gRPC's threads, ms-subscribe.
#pragma once

#include <memory>

#include <grpcpp/server_context.h>

#include "melstream/access/access.hpp"
#include "melstream/rpc/environment.hpp"

namespace melstream::rpc {

access::Caller caller_of(const grpc::ServerContextBase& context);

/// Throws Error as Access::admit(); the refusal is counted and told.
std::shared_ptr<access::Grant> admit(const Environment& environment, const grpc::ServerContextBase& context,
                                     access::Access::Kind kind);

/// What a call is ended with whose grant was revoked. Counted.
grpc::Status revoked_status(const Environment& environment);

}  // namespace melstream::rpc
