// The golden set of tests/golden: its entries, audio and values.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/matrix.hpp"
#include "tests/support/tolerance.hpp"

namespace melstream::test {

struct GoldenEntry {
  std::string preset;
  std::string audio;
  std::filesystem::path file;
  std::size_t n_frames = 0;
  std::size_t bins = 0;
  Tolerance tolerance;
};

/// Reads each file once. Not thread-safe.
class GoldenSet {
 public:
  /// The set in the source tree, shared by the tests of a process.
  static GoldenSet& instance();
  explicit GoldenSet(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<GoldenEntry>& entries() const { return entries_; }
  std::vector<const GoldenEntry*> entries_of(std::string_view preset) const;
  /// In the manifest's order, each once.
  std::vector<std::string> presets() const;
  /// Clips on which the genuine code of a preset raises: there are no golden values.
  std::vector<std::string> refused_audio(std::string_view preset) const;
  /// A mono 16 kHz clip in [-1, 1).
  const std::vector<float>& audio(const std::string& name);
  const Matrix& values(const GoldenEntry& entry);

 private:
  std::filesystem::path folder_;
  std::vector<GoldenEntry> entries_;
  std::vector<std::pair<std::string, std::string>> refused_;  // preset, audio
  std::map<std::string, std::filesystem::path> audio_files_;
  std::map<std::string, std::vector<float>> audio_;
  std::map<std::filesystem::path, Matrix> values_;
};

}  // namespace melstream::test
