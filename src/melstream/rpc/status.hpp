// Errors across the wire: the one place where an exception becomes a gRPC status.
#pragma once

#include <exception>

#include <grpcpp/support/status.h>

namespace melstream::rpc {

/// core::Error by its code, message "field: what and what to do"; a pipeline::WindowError carries a
/// melstream.v1.WindowErrorDetail in error_details, a ResumableError a SubscribeErrorDetail. Any other exception is
/// INTERNAL, no memory RESOURCE_EXHAUSTED.
grpc::Status to_status(const std::exception& error);

}  // namespace melstream::rpc
