#include "tests/support/matrix.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace melstream::test {
namespace {

std::string read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw std::runtime_error(file.string() + ": " + why);
}

/// Little-endian integer at an offset.
template <typename T>
T number_at(const std::filesystem::path& file, const std::string& bytes, std::size_t at) {
  if (at + sizeof(T) > bytes.size()) refuse(file, "ends early");
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

}  // namespace

Matrix read_npy(const std::filesystem::path& file) {
  // numpy.lib.format: magic, version, header length, a Python dictionary, then the values.
  const std::string bytes = read_all(file);
  if (bytes.substr(0, 6) != "\x93NUMPY") refuse(file, "not an .npy file");
  const bool first_version = number_at<std::uint8_t>(file, bytes, 6) == 1;
  const std::size_t length_bytes = first_version ? 2 : 4;
  const std::size_t header_length =
      first_version ? number_at<std::uint16_t>(file, bytes, 8) : number_at<std::uint32_t>(file, bytes, 8);
  const std::string header = bytes.substr(8 + length_bytes, header_length);
  const std::size_t shape = header.find("'shape': (");
  std::size_t rows = 0;
  std::size_t cols = 0;
  char closing = 0;
  if (shape == std::string::npos ||
      std::sscanf(header.c_str() + shape, "'shape': (%zu, %zu%c", &rows, &cols, &closing) != 3 || closing != ')') {
    refuse(file, "not two-dimensional: " + header);
  }
  if (header.find("'<f4'") == std::string::npos) refuse(file, "not float32: " + header);
  if (header.find("'fortran_order': False") == std::string::npos) refuse(file, "not in C order: " + header);

  Matrix matrix{rows, cols, {}};
  const std::size_t begin = 8 + length_bytes + header_length;
  matrix.values.resize(matrix.rows * matrix.cols);
  if (bytes.size() != begin + matrix.values.size() * sizeof(float)) refuse(file, "size does not fit the shape");
  if (!matrix.values.empty()) {
    std::memcpy(matrix.values.data(), bytes.data() + begin, matrix.values.size() * sizeof(float));
  }
  return matrix;
}

Wav read_wav(const std::filesystem::path& file) {
  const std::string bytes = read_all(file);
  if (bytes.substr(0, 4) != "RIFF" || bytes.substr(8, 4) != "WAVE") refuse(file, "not a WAVE file");
  Wav wav;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string id = bytes.substr(at, 4);
    const std::size_t size = number_at<std::uint32_t>(file, bytes, at + 4);
    at += 8;
    if (id == "fmt ") {
      const auto format = number_at<std::uint16_t>(file, bytes, at);
      const auto n_bits = number_at<std::uint16_t>(file, bytes, at + 14);
      if (format != 1 || n_bits != 16) refuse(file, "not 16-bit PCM");
      wav.n_channels = number_at<std::uint16_t>(file, bytes, at + 2);
      wav.rate_hz = static_cast<int>(number_at<std::uint32_t>(file, bytes, at + 4));
    } else if (id == "data") {
      if (at + size > bytes.size()) refuse(file, "ends early");
      wav.samples.resize(size / sizeof(std::int16_t));
      if (!wav.samples.empty())
        std::memcpy(wav.samples.data(), bytes.data() + at, wav.samples.size() * sizeof(std::int16_t));
      return wav;
    }
    at += size + size % 2;
  }
  refuse(file, "has no data chunk");
}

std::vector<float> to_float(std::span<const std::int16_t> samples) {
  std::vector<float> floats;
  floats.reserve(samples.size());
  for (const std::int16_t s : samples) floats.push_back(static_cast<float>(s) / 32768.0F);
  return floats;
}

}  // namespace melstream::test
