// How the client ends, and the exception that carries it to main(). The numbers are those of sysexits.h.
#pragma once

#include <stdexcept>
#include <string>

namespace melstream::client {

enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,       ///< a mismatch, a gap where none may be, a refusal of the daemon
  kUsage = 64,        ///< the command line, or a value in it
  kInput = 66,        ///< a file that is missing, unreadable, empty or not what it should be
  kUnavailable = 69,  ///< no daemon answers, or it is draining
  kPermission = 77,
};

/// Ends the command. The message has the offending value and the remedy.
class ClientError : public std::runtime_error {
 public:
  ClientError(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace melstream::client
