// NumPy's .npy, version 1.0, as far as feature matrices need it (numpy/lib/format.py describes the format).
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "client/matrix.hpp"

namespace melstream::client {

/// The 128 bytes before the values: magic, version 1.0, type, C order, shape.
/// @param type as NumPy writes it: "<f4". @param shape as Python writes a tuple: "(3, 80)".
std::string npy_header(const std::string& type, const std::string& shape);
/// Of '<f4', shape (frames, bins).
std::string npy_header(std::int64_t frames, int bins);

/// Reads a matrix of '<f4', '<f2' or '<f8' (converted to float32), C order, shape (frames, bins) or (1, frames, bins).
/// Throws ClientError(kInput), whose message says what is wrong with the file.
FeatureMatrix read_npy(const std::string& path);

/// Writes rows to a temporary file beside `path`, which appears there complete or not at all: without commit() the
/// destructor removes it. Memory does not grow with the rows. Throws ClientError(kInput).
class NpyWriter {
 public:
  NpyWriter(const std::string& path, int bins);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// @param rows [n][bins], row-major.
  void append(std::span<const float> rows);
  /// Fills in the shape and moves the file to its place.
  void commit();
  std::int64_t frames() const noexcept { return n_values_ / bins_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  void fail(const char* what) const;

  std::string path_;
  std::string temporary_path_;
  int bins_;
  std::int64_t n_values_ = 0;
  std::unique_ptr<std::FILE, Close> file_;
};

/// The whole matrix at once, with the same guarantee.
void write_npy(const std::string& path, const FeatureMatrix& matrix);

}  // namespace melstream::client
