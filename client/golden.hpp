// The golden set: where it is installed, and what its manifest says (tests/golden/README.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/tolerance.hpp"

namespace melstream::client {

struct GoldenEntry {
  std::string preset;
  std::string clip;           ///< "jfk"
  std::string audio_path;     ///< absolute, or relative to the working directory as --golden was
  std::string features_path;  ///< empty for a clip that the genuine code refuses: 0 frames are right
  std::int64_t frames = 0;
  int bins = 0;
  Tolerance tolerance;
};

struct GoldenSet {
  std::string folder;
  std::vector<GoldenEntry> entries;   ///< in the manifest's order: presets lie together
  std::vector<GoldenEntry> refusals;  ///< the manifest's genuine_errors

  const GoldenEntry* find(std::string_view preset, std::string_view clip) const noexcept;
};

/// The folder given, else share/melstream/golden beside the program's folder, else the installed one. Throws
/// ClientError(kInput) where no manifest.json is, naming the folders tried.
std::string find_golden_folder(const std::string& given);

/// Throws ClientError(kInput) where the manifest is not what the golden set's is.
GoldenSet load_golden(const std::string& folder);

}  // namespace melstream::client
