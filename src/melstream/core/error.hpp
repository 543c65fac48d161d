// The exceptions of melstream. The message holds the offending value and the remedy; rpc::to_status() maps the code.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace melstream::core {

enum class ErrorCode {
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  kResourceExhausted,
  kOutOfRange,
  kUnavailable,
  kUnauthenticated,
  kPermissionDenied,
  kInternal,
};

/// What a caller did or asked for that cannot be done.
class Error : public std::runtime_error {
 public:
  /// @param field name of the request or config field at fault, empty where there is none.
  Error(ErrorCode code, const std::string& message, std::string field = {})
      : std::runtime_error(message), code_(code), field_(std::move(field)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& field() const noexcept { return field_; }

 private:
  ErrorCode code_;
  std::string field_;
};

/// The engine failed; it is unusable from then on.
class EngineError : public Error {
 public:
  explicit EngineError(const std::string& message) : Error(ErrorCode::kInternal, message) {}
};

}  // namespace melstream::core
