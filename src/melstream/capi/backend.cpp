#include "melstream/capi/backend.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include <dlfcn.h>

#include "melstream/capi/status.hpp"
#include "melstream/capi/worker.hpp"
#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/plugin_loader.hpp"

namespace melstream::capi {
namespace {

constexpr int kMaxThreads = 256;

namespace fs = std::filesystem;

/// The folder of this library.
fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return fs::absolute(info.dli_fname, ignored).parent_path();
}

/// Beside this library, or in the folder that an installation has for it. Nowhere else: what the place of the build was
/// may be anybody's folder by now.
std::vector<fs::path> plugin_places() {
  const char* const chosen = std::getenv(engine::kCudaPluginVariable);
  if (chosen != nullptr && *chosen != '\0') return engine::cuda_plugin_places(chosen, {});
  const fs::path folder = own_folder();
  return {folder / engine::kCudaPluginFile, folder / "melstream" / engine::kCudaPluginFile};
}

engine::Plugin plugin() { return engine::Plugin(plugin_places()); }

engine::EngineInstance make_cuda(int device) {
  engine::PluginOptions options;
  options.limits = kTickLimits;
  options.device = device;
  return plugin().make_engine(options);
}

engine::EngineInstance make_cpu(const std::string& simd, int n_threads) {
  // A clip's ticks follow each other closely, and so do the calls of who computes a data set.
  constexpr std::chrono::microseconds kPatience{200};
  return engine::cpu::make_engine({.simd = simd, .n_threads = n_threads, .patience = kPatience, .limits = kTickLimits});
}

}  // namespace

engine::EngineInstance make_backend(const std::string& backend, const std::string& simd, int n_threads,
                                    int cuda_device) {
  if (n_threads < 1 || n_threads > kMaxThreads) {
    refuse("n_threads", std::to_string(n_threads) + " is not in 1.." + std::to_string(kMaxThreads));
  }
  if (backend == "cpu") return make_cpu(simd, n_threads);
  if (backend != "cuda" && backend != "auto") refuse("backend", "'" + backend + "' is none of cpu, cuda, auto");
  try {
    return make_cuda(cuda_device);
  } catch (const engine::PluginUnavailable& error) {
    if (backend == "cuda") throw core::Error(core::ErrorCode::kUnavailable, error.what(), "backend");
  }
  return make_cpu(simd, n_threads);
}

engine::ClipEngineInstance make_clip_backend(int cuda_device) {
  engine::ClipPluginOptions options;
  options.device = cuda_device;
  try {
    return plugin().make_clip_engine(options);
  } catch (const engine::PluginUnavailable& error) {
    throw core::Error(core::ErrorCode::kUnavailable, error.what(), "backend");
  }
}

}  // namespace melstream::capi
