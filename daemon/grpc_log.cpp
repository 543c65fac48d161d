// gRPC logs through one function pointer without an argument, so the log that it goes to is a global; the only one.
#include <atomic>
#include <string>
#include <string_view>

#include <grpc/support/log.h>

#include "daemon/log.hpp"

namespace melstream::daemon {
namespace {

// Writer: the guard, on the main thread (release); readers: gRPC's threads (acquire).
std::atomic<const Log*> grpc_log{nullptr};

void log_grpc_message(gpr_log_func_args* args) {
  const Log* log = grpc_log.load(std::memory_order_acquire);
  if (log == nullptr) return;
  std::string_view file = args->file;
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  // gRPC says this and aborts: it must be told, and before that.
  const std::string_view message = args->message;
  const bool is_last = message.find("assertion failed") != std::string_view::npos;
  log->event(is_last ? LogLevel::kError : LogLevel::kDebug, "grpc",
             {{"severity", gpr_log_severity_string(args->severity)},
              {"at", std::string(file) + ":" + std::to_string(args->line)},
              {"message", args->message}});
  if (is_last) log->flush();
}

}  // namespace

GrpcLogGuard::GrpcLogGuard(const Log& log) {
  grpc_log.store(&log, std::memory_order_release);
  gpr_set_log_function(log_grpc_message);
}

// The function stays: gRPC's threads may still be in it.
GrpcLogGuard::~GrpcLogGuard() { grpc_log.store(nullptr, std::memory_order_release); }

}  // namespace melstream::daemon
