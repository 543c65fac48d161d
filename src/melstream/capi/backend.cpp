#include "melstream/capi/backend.hpp"

#include <cstdlib>
#include <filesystem>

#include <dlfcn.h>

#include "melstream/capi/status.hpp"
#include "melstream/capi/worker.hpp"
#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/plugin_loader.hpp"

namespace melstream::capi {
namespace {

/// Of this library: the plugin may lie beside it.
std::filesystem::path this_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&this_library), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return std::filesystem::absolute(info.dli_fname, ignored);
}

engine::Plugin plugin() {
  return engine::Plugin(engine::cuda_plugin_places(std::getenv(engine::kCudaPluginVariable), this_library()));
}

engine::EngineInstance make_cuda(int device) {
  engine::PluginOptions options;
  options.limits = kTickLimits;
  options.device = device;
  return plugin().make_engine(options);
}

engine::EngineInstance make_cpu(const std::string& simd, int n_threads) {
  return engine::cpu::make_engine({.simd = simd, .n_threads = n_threads, .limits = kTickLimits});
}

}  // namespace

engine::EngineInstance make_backend(const std::string& backend, const std::string& simd, int n_threads,
                                    int cuda_device) {
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
