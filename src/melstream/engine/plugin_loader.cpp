#include "melstream/engine/plugin_loader.hpp"

#include <cstdlib>
#include <exception>
#include <string_view>
#include <system_error>

#include <dlfcn.h>

#include "melstream/engine/build_id.hpp"

namespace melstream::engine {
namespace {

namespace fs = std::filesystem;
using Why = PluginUnavailable::Why;

/// A path in quotes. What is not there cannot be told apart from what may not be seen: both are missing.
std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

[[noreturn]] void refuse_missing(const std::vector<fs::path>& places) {
  std::string tried;
  for (const fs::path& place : places) tried += (tried.empty() ? "" : ", ") + place.string();
  throw PluginUnavailable(Why::kMissing, "no CUDA plugin found (tried " + tried + ")");
}

/// dlerror() as one line. Thread-local, and never null after a failure.
std::string loader_error() {
  const char* const text = dlerror();
  std::string line = text == nullptr ? "unknown error of the loader" : text;
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

/// The handle, never closed.
void* open_library(const fs::path& path) {
  std::error_code error;
  // Anything else could block for ever (a pipe).
  if (!fs::is_regular_file(path, error)) {
    throw PluginUnavailable(Why::kCannotLoad, "the CUDA plugin " + quoted(path) + " is not a file" +
                                                  (error ? ": " + error.message() : std::string()));
  }
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw PluginUnavailable(Why::kCannotLoad, "cannot load the CUDA plugin " + quoted(path) + ": " + loader_error() +
                                                  "; install what is missing, or the plugin again");
  }
  return library;
}

/// Reads no more of the entry than each check has proved to be there.
const PluginEntry* checked_entry(void* library, const fs::path& path) {
  using Symbol = const PluginEntry* (*)();
  const auto symbol = reinterpret_cast<Symbol>(dlsym(library, kPluginSymbol));
  const PluginEntry* const entry = symbol == nullptr ? nullptr : symbol();
  if (entry == nullptr) {
    throw PluginUnavailable(Why::kNotAPlugin,
                            quoted(path) + " is not an engine plugin of melstream: it has no entry " + kPluginSymbol);
  }
  if (entry->abi_version != kPluginAbiVersion) {
    throw PluginUnavailable(Why::kOtherAbi, "the CUDA plugin " + quoted(path) + " has ABI version " +
                                                std::to_string(entry->abi_version) + ", this program " +
                                                std::to_string(kPluginAbiVersion) +
                                                "; install program and plugin of one build");
  }
  const std::string_view theirs = entry->build_id == nullptr ? "" : entry->build_id;
  if (theirs != build_id()) {
    throw PluginUnavailable(Why::kOtherBuild, "the CUDA plugin " + quoted(path) + " is of another build ('" +
                                                  std::string(theirs) + "', this program '" + build_id() +
                                                  "'); install program and plugin of one build");
  }
  if (entry->make_engine == nullptr) {
    throw PluginUnavailable(Why::kNotAPlugin, "the CUDA plugin " + quoted(path) + " makes no engine");
  }
  return entry;
}

const char* meaning_of(PluginError error) noexcept {
  switch (error) {
    case PluginError::kNoDriver:
      return "no NVIDIA driver";
    case PluginError::kDriverTooOld:
      return "the NVIDIA driver is too old";
    case PluginError::kNoSuchDevice:
      return "no such CUDA device";
    case PluginError::kOutOfMemory:
      return "too little memory for the CUDA engine";
    case PluginError::kProbeFailed:
      return "the CUDA device failed the probe";
    case PluginError::kNone:
    case PluginError::kFailed:
      break;
  }
  return "the CUDA engine cannot start";
}

/// The plugin's own words come after the meaning of its code, unless they begin with it.
[[noreturn]] void refuse_engine(PluginError error, const std::string& message) {
  const Why why = error == PluginError::kNoDriver ? Why::kNoDriver : Why::kEngineFailed;
  const std::string meaning = meaning_of(error);
  if (message.starts_with(meaning)) throw PluginUnavailable(why, message);
  throw PluginUnavailable(why, meaning + (message.empty() ? "" : ": " + message));
}

/// @tparam Instance of an engine. @param make one of the entry's functions.
template <typename Instance, typename Options>
Instance made_by(int (*make)(const Options&, Instance&, std::string&), const Options& options) {
  Instance instance;
  std::string message;
  PluginError error = PluginError::kFailed;
  try {
    error = static_cast<PluginError>(make(options, instance, message));
  } catch (const std::exception& thrown) {
    message = thrown.what();
  } catch (...) {
    message = "an unknown exception";
  }
  if (error != PluginError::kNone) refuse_engine(error, message);
  if (!instance.engine) refuse_engine(PluginError::kFailed, "the plugin made none");
  return instance;
}

/// Of the running program, links resolved; empty where /proc is not there.
fs::path this_program() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

}  // namespace

std::vector<fs::path> cuda_plugin_places(const char* chosen, const fs::path& program) {
  // With a slash in it, so that the loader does not search a path of its own.
  if (chosen != nullptr && *chosen != '\0') return {fs::absolute(chosen)};
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& folder) {
    fs::path place = (folder / kCudaPluginFile).lexically_normal();
    for (const fs::path& known : places) {
      if (known == place) return;
    }
    places.push_back(std::move(place));
  };
  if (!program.empty()) {
    const fs::path folder = program.parent_path();
    add(folder);
    add(folder / ".." / "lib" / "melstream");
    // Debian's is lib/x86_64-linux-gnu, Fedora's lib64.
    if (const fs::path libraries = MELSTREAM_INSTALL_LIBDIR; libraries.is_relative()) {
      add(folder / ".." / libraries / "melstream");
    }
  }
  add(fs::path(MELSTREAM_INSTALL_FULL_LIBDIR) / "melstream");
  return places;
}

std::vector<fs::path> cuda_plugin_places() {
  return cuda_plugin_places(std::getenv(kCudaPluginVariable), this_program());
}

std::optional<fs::path> find_plugin(const std::vector<fs::path>& places) {
  for (const fs::path& place : places) {
    if (is_there(place)) return place;
  }
  return std::nullopt;
}

Plugin::Plugin(const std::vector<fs::path>& places) : entry_(nullptr) {
  const std::optional<fs::path> found = find_plugin(places);
  if (!found) refuse_missing(places);
  path_ = *found;
  entry_ = checked_entry(open_library(path_), path_);
}

EngineInstance Plugin::make_engine(const PluginOptions& options) const {
  return made_by<EngineInstance>(entry_->make_engine, options);
}

ClipEngineInstance Plugin::make_clip_engine(const ClipPluginOptions& options) const {
  if (entry_->make_clip_engine == nullptr) {
    refuse_engine(PluginError::kFailed, "the plugin " + quoted(path_) + " takes no clips in device memory");
  }
  return made_by<ClipEngineInstance>(entry_->make_clip_engine, options);
}

}  // namespace melstream::engine
