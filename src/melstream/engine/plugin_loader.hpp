// Finds, loads and checks an engine plugin. Control threads. A plugin is never unloaded: what a CUDA runtime leaves
// behind (threads, exit handlers) needs its code until the process ends.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/plugin.hpp"

namespace melstream::engine {

inline constexpr const char* kCudaPluginFile = "libmelstream_cuda.so";
/// Environment variable: path of the plugin; no other place is looked at then.
inline constexpr const char* kCudaPluginVariable = "MELSTREAM_CUDA_PLUGIN";

/// There is no engine from a plugin. what() is one line: which plugin, what is wrong, what to do.
class PluginUnavailable : public core::Error {
 public:
  enum class Why {
    kMissing,      ///< in none of the places
    kCannotLoad,   ///< no shared library, or one it needs is missing
    kNotAPlugin,   ///< a shared library without the entry
    kOtherAbi,     ///< another kPluginAbiVersion
    kOtherBuild,   ///< another build_id()
    kNoDriver,     ///< PluginError::kNoDriver
    kEngineFailed  ///< any other PluginError
  };
  PluginUnavailable(Why why, const std::string& message) : Error(core::ErrorCode::kUnavailable, message), why_(why) {}
  Why why() const noexcept { return why_; }

 private:
  Why why_;
};

/// Where the CUDA plugin may lie, best first: beside the program, in ../lib/melstream of the program's folder, in the
/// library folder of the installation.
/// @param chosen value of kCudaPluginVariable, null or empty if unset. @param program path of the running program.
std::vector<std::filesystem::path> cuda_plugin_places(const char* chosen, const std::filesystem::path& program);

/// The same for this process and its environment.
std::vector<std::filesystem::path> cuda_plugin_places();

/// The first place that holds something.
std::optional<std::filesystem::path> find_plugin(const std::vector<std::filesystem::path>& places);

/// A plugin of this build, loaded for good.
class Plugin {
 public:
  /// Loads the first that is there; one that does not fit is not passed over. Throws PluginUnavailable.
  explicit Plugin(const std::vector<std::filesystem::path>& places);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Throws PluginUnavailable.
  EngineInstance make_engine(const PluginOptions& options) const;
  /// Throws PluginUnavailable.
  ClipEngineInstance make_clip_engine(const ClipPluginOptions& options) const;

 private:
  std::filesystem::path path_;
  const PluginEntry* entry_;
};

}  // namespace melstream::engine
