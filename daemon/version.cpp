#include "daemon/version.hpp"

#include <grpcpp/version_info.h>

#include "melstream/engine/build_id.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/plugin_loader.hpp"

namespace melstream::daemon {

std::string version() { return engine::version(); }

std::string build() {
  const std::string commit = engine::commit();
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
  text += ")\n";
  const auto plugin = engine::find_plugin(engine::cuda_plugin_places());
  return text + "CUDA plugin: " + (plugin ? plugin->string() : "not found") + "\n";
}

}  // namespace melstream::daemon
