#include "client/npy.hpp"

#include <array>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "client/exit_codes.hpp"
#include "client/half_float.hpp"

namespace melstream::client {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6;
constexpr std::size_t kHeaderBytes = 128;
// A header says at most a few shapes: anything larger is not one of our files.
constexpr std::size_t kMaxHeaderBytes = 65536;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

struct Header {
  std::string type;
  std::vector<std::int64_t> shape;
};

/// The text after "'key':" up to the end of the dictionary; empty without the key.
std::string after_key(const std::string& text, const std::string& key) {
  const auto at = text.find("'" + key + "'");
  if (at == std::string::npos) return {};
  const auto colon = text.find(':', at);
  if (colon == std::string::npos) return {};
  const auto value = text.find_first_not_of(' ', colon + 1);
  return value == std::string::npos ? std::string() : text.substr(value);
}

std::vector<std::int64_t> parse_shape(const std::string& path, const std::string& text) {
  std::vector<std::int64_t> shape;
  const auto end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string::npos) refuse(path, "its .npy header has no shape");
  std::size_t at = 1;
  while (at < end) {
    if (std::isdigit(static_cast<unsigned char>(text[at])) == 0) {
      ++at;
      continue;
    }
    char* stop = nullptr;
    errno = 0;
    shape.push_back(std::strtoll(text.c_str() + at, &stop, 10));
    if (errno != 0) refuse(path, "its .npy header has an impossible shape");
    at = static_cast<std::size_t>(stop - text.c_str());
  }
  return shape;
}

Header read_header(std::ifstream& file, const std::string& path) {
  std::array<char, 8> start{};
  if (!file.read(start.data(), start.size()) || std::memcmp(start.data(), kMagic, kMagicBytes) != 0) {
    refuse(path, "is not a .npy file (it does not start with \\x93NUMPY)");
  }
  const int major = static_cast<unsigned char>(start[6]);
  if (major < 1 || major > 3) refuse(path, "has .npy version " + std::to_string(major) + "; 1 to 3 can be read");
  std::array<unsigned char, 4> length{};
  const std::size_t n_length = major == 1 ? 2 : 4;
  file.read(reinterpret_cast<char*>(length.data()), static_cast<std::streamsize>(n_length));
  const std::size_t n_text = length[0] | (length[1] << 8) | (length[2] << 16) | (std::size_t{length[3]} << 24);
  if (!file || n_text > kMaxHeaderBytes) refuse(path, "has a broken .npy header");
  std::string text(n_text, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(n_text))) refuse(path, "ends inside its .npy header");
  if (after_key(text, "fortran_order").rfind("False", 0) != 0) {
    refuse(path, "is not in C order; save it with numpy.ascontiguousarray");
  }
  const std::string type = after_key(text, "descr");
  return {type.substr(0, 5), parse_shape(path, after_key(text, "shape"))};
}

/// Element type of a header: its size in bytes, 0 if it cannot be read.
std::size_t element_size(const std::string& type) {
  if (type == "'<f4'") return 4;
  if (type == "'<f2'") return 2;
  if (type == "'<f8'") return 8;
  return 0;
}

float element(const char* at, std::size_t size) {
  if (size == 2) {
    std::uint16_t half = 0;
    std::memcpy(&half, at, sizeof half);
    return half_to_float(half);
  }
  if (size == 8) {
    double value = 0;
    std::memcpy(&value, at, sizeof value);
    return static_cast<float>(value);
  }
  float value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// The file that a link points to, so that the link stays one.
std::string link_target(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

}  // namespace

std::string npy_header(std::int64_t frames, int bins) {
  return npy_header("<f4", "(" + std::to_string(frames) + ", " + std::to_string(bins) + ")");
}

std::string npy_header(const std::string& type, const std::string& shape) {
  std::string text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  // Padded with spaces so that the values begin at byte 128, whatever the shape: commit() writes it a second time.
  text.resize(kHeaderBytes - kMagicBytes - 4 - 1, ' ');
  text += '\n';
  std::string header(kMagic, kMagicBytes);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

FeatureMatrix read_npy(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) refuse(path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) refuse(path, "is a directory; a .npy file is needed");
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, std::strerror(errno));
  Header header = read_header(file, path);
  const std::size_t size = element_size(header.type);
  if (size == 0) refuse(path, "holds " + header.type + "; float32 ('<f4') is needed");
  if (header.shape.size() == 3 && header.shape[0] == 1) header.shape.erase(header.shape.begin());
  if (header.shape.size() != 2) {
    refuse(path, "has " + std::to_string(header.shape.size()) + " dimensions; [frames, bins] is needed");
  }
  const std::int64_t frames = header.shape[0];
  const std::int64_t bins = header.shape[1];
  constexpr std::int64_t kMaxBins = 1 << 20;
  if (bins < 1 || bins > kMaxBins || frames > (std::int64_t{1} << 40) / bins) {
    refuse(path, "has the shape [" + std::to_string(frames) + ", " + std::to_string(bins) + "]");
  }
  const auto n_values = static_cast<std::size_t>(frames * bins);
  const auto at = static_cast<std::int64_t>(file.tellg());
  // Checked before memory is taken: a header can claim anything.
  if (info.st_size - at != static_cast<std::int64_t>(n_values * size)) {
    refuse(path, "holds " + std::to_string(info.st_size - at) + " bytes of values; its shape needs " +
                     std::to_string(n_values * size));
  }
  FeatureMatrix matrix{static_cast<int>(bins), std::vector<float>(n_values)};
  std::vector<char> bytes(n_values * size);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    refuse(path, "could not be read to its end");
  for (std::size_t i = 0; i < n_values; ++i) matrix.values[i] = element(bytes.data() + i * size, size);
  return matrix;
}

NpyWriter::NpyWriter(const std::string& path, int bins)
    : path_(link_target(path)), temporary_path_(path_ + ".partial-" + std::to_string(getpid())), bins_(bins) {
  struct stat info {};
  // Never a device or a pipe: renaming a file over it would replace it for everybody.
  if (stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    refuse(path_, S_ISDIR(info.st_mode) ? "is a directory; a file name is needed"
                                        : "is a device or a pipe; .npy needs a file, since its header is written last");
  }
  file_.reset(std::fopen(temporary_path_.c_str(), "wb"));
  if (!file_) fail("cannot be written");
  const std::string header = npy_header(0, bins_);
  if (std::fwrite(header.data(), 1, header.size(), file_.get()) != header.size()) fail("cannot be written");
}

NpyWriter::~NpyWriter() {
  if (!file_) return;
  file_.reset();
  std::remove(temporary_path_.c_str());
}

void NpyWriter::fail(const char* what) const { refuse(path_, std::string(what) + ": " + std::strerror(errno)); }

void NpyWriter::append(std::span<const float> rows) {
  if (rows.empty()) return;
  if (std::fwrite(rows.data(), sizeof(float), rows.size(), file_.get()) != rows.size()) fail("cannot be written");
  n_values_ += static_cast<std::int64_t>(rows.size());
}

void NpyWriter::commit() {
  const std::string header = npy_header(frames(), bins_);
  std::FILE* file = file_.get();
  if (std::fseek(file, 0, SEEK_SET) != 0 || std::fwrite(header.data(), 1, header.size(), file) != header.size() ||
      std::fflush(file) != 0) {
    fail("cannot be written");
  }
  if (std::rename(temporary_path_.c_str(), path_.c_str()) != 0) fail("cannot be written");
  file_.reset();
}

void write_npy(const std::string& path, const FeatureMatrix& matrix) {
  NpyWriter writer(path, matrix.bins);
  writer.append(matrix.values);
  writer.commit();
}

}  // namespace melstream::client
