#include "melstream/rpc/status.hpp"

#include <new>
#include <string>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/stream_reader.hpp"

namespace melstream::rpc {
namespace {

grpc::StatusCode to_code(core::ErrorCode code) {
  switch (code) {
    case core::ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case core::ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case core::ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case core::ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case core::ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case core::ErrorCode::kOutOfRange:
      return grpc::StatusCode::OUT_OF_RANGE;
    case core::ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case core::ErrorCode::kUnauthenticated:
      return grpc::StatusCode::UNAUTHENTICATED;
    case core::ErrorCode::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case core::ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

/// What a client wrote may stand in a message. gRPC sends it in a header, and a peer gives the whole connection up
/// whose headers are too long: 8 KiB, in which each byte may take three.
std::string clipped(std::string message) {
  constexpr std::size_t kMost = 1'000;
  if (message.size() <= kMost) return message;
  message.resize(kMost);
  return message + " ...";
}

}  // namespace

grpc::Status to_status(const std::exception& error) {
  if (const auto* known = dynamic_cast<const core::Error*>(&error)) {
    const std::string what = known->what();
    // Many messages begin with the field already.
    const bool named = known->field().empty() || what.rfind(known->field(), 0) == 0;
    const std::string message = clipped(named ? what : known->field() + ": " + what);
    if (const auto* resumable = dynamic_cast<const ResumableError*>(known)) {
      v1::SubscribeErrorDetail detail;
      detail.set_resume_token(resumable->token());
      return {to_code(known->code()), message, detail.SerializeAsString()};
    }
    const auto* window = dynamic_cast<const pipeline::WindowError*>(known);
    if (window == nullptr) return {to_code(known->code()), message};
    v1::WindowErrorDetail detail;
    set_range(window->held(), *detail.mutable_held());
    for (const engine::IndexRange& gap : window->gaps()) set_range(gap, *detail.add_gaps());
    return {to_code(known->code()), message, detail.SerializeAsString()};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the daemon has no memory left for this; try again later"};
  }
  return {grpc::StatusCode::INTERNAL, clipped(std::string("internal error: ") + error.what())};
}

}  // namespace melstream::rpc
