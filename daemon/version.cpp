// Version and commit come from CMake as macros, for this file only.
#include "daemon/version.hpp"

#include <grpcpp/version_info.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

namespace melstream::daemon {

std::string version() { return MELSTREAM_VERSION; }

std::string build() {
  const std::string commit = MELSTREAM_COMMIT;
  return commit.empty() ? version() : version() + " (" + commit + ")";
}

std::string describe_version() {
  std::string text = "melstreamd " + build() + "\n";
#if defined(__clang__)
  text += "compiler: Clang " __clang_version__ "\n";
#else
  text += "compiler: GCC " __VERSION__ "\n";
#endif
  text += "gRPC: " GRPC_CPP_VERSION_STRING "\n";
  text += "engines: cpu (";
  bool first = true;
  for (const std::string& target : engine::cpu::targets()) {
    text += (first ? "" : ", ") + target;
    first = false;
  }
  return text + ")\n";
}

}  // namespace melstream::daemon
