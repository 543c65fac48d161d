// Audio files by libsndfile.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include <sys/stat.h>

#include <sndfile.h>

#include "client/audio_input.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr int kMinRateHz = 8000;
constexpr int kMaxRateHz = 192000;
constexpr int kMaxChannels = 8;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

void check_file(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) refuse(path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) refuse(path, "is a directory; an audio file is needed");
  if (S_ISREG(info.st_mode) && info.st_size == 0) refuse(path, "is empty");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) refuse(path, std::strerror(errno));
}

std::uint32_t little_endian(const char* at) {
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return b[0] | (b[1] << 8) | (b[2] << 16) | (std::uint32_t{b[3]} << 24);
}

/// Bytes of samples that a RIFF file announces, but does not hold; 0 for a whole or another kind of file.
std::int64_t missing_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char head[12];
  if (!file.read(head, sizeof head) || std::memcmp(head, "RIFF", 4) != 0) return 0;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return 0;
  std::int64_t at = sizeof head;
  char chunk[8];
  while (file.seekg(at) && file.read(chunk, sizeof chunk)) {
    const std::int64_t size = little_endian(chunk + 4);
    if (std::memcmp(chunk, "data", 4) == 0) {
      // 0 and the largest value are what programs write to a pipe, where the length is not known.
      const bool unknown = size == 0 || size >= 0x7FFFF000;
      return unknown ? 0 : std::max<std::int64_t>(0, at + 8 + size - info.st_size);
    }
    at += 8 + size + (size & 1);
  }
  return 0;
}

Encoding encoding_of(int format) {
  const bool wav = (format & SF_FORMAT_TYPEMASK) == SF_FORMAT_WAV || (format & SF_FORMAT_TYPEMASK) == SF_FORMAT_WAVEX;
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
      return Encoding::kS16;
    case SF_FORMAT_PCM_24:
      return Encoding::kS24;
    case SF_FORMAT_PCM_32:
      return Encoding::kS32;
    // Raw bytes of a container that is not WAV might be packed otherwise.
    case SF_FORMAT_ULAW:
      return wav ? Encoding::kMulaw : Encoding::kS16;
    case SF_FORMAT_ALAW:
      return wav ? Encoding::kAlaw : Encoding::kS16;
    default:
      return Encoding::kF32;
  }
}

class FileInput final : public AudioInput {
 public:
  explicit FileInput(std::string path) : path_(std::move(path)) {
    SF_INFO info{};
    file_.reset(sf_open(path_.c_str(), SFM_READ, &info));
    if (!file_) refuse(path_, std::string("is not an audio file that can be read: ") + sf_strerror(nullptr));
    if (info.samplerate < kMinRateHz || info.samplerate > kMaxRateHz) {
      refuse(path_, "has " + std::to_string(info.samplerate) + " samples a second; 8000 to 192000 can be sent");
    }
    if (info.channels < 1 || info.channels > kMaxChannels) {
      refuse(path_, "has " + std::to_string(info.channels) + " channels; 1 to 8 can be sent");
    }
    format_ = {encoding_of(info.format), info.samplerate, info.channels};
    length_ = info.frames;
    if (const std::int64_t missing = missing_bytes(path_); missing > 0) {
      warning_ = path_ + ": is truncated, " + std::to_string(missing) + " bytes of samples are missing; " +
                 std::to_string(length_) + " samples a channel are left";
    }
  }

  const AudioFormat& format() const noexcept override { return format_; }
  std::optional<std::int64_t> length() const noexcept override { return length_; }
  const std::string& warning() const noexcept override { return warning_; }

  void read(std::int64_t n_samples, std::vector<std::byte>& bytes) override {
    const auto n_values = static_cast<std::size_t>(n_samples) * static_cast<std::size_t>(format_.channels);
    bytes.resize(n_values * format_.bytes_per_sample());
    std::int64_t n_read = 0;
    switch (format_.encoding) {
      case Encoding::kS16:
        n_read = sf_readf_short(file_.get(), reinterpret_cast<short*>(bytes.data()), n_samples);
        break;
      case Encoding::kS32:
        n_read = sf_readf_int(file_.get(), reinterpret_cast<int*>(bytes.data()), n_samples);
        break;
      case Encoding::kF32:
        n_read = sf_readf_float(file_.get(), reinterpret_cast<float*>(bytes.data()), n_samples);
        break;
      case Encoding::kS24:
        n_read = read_24_bit(n_samples, bytes);
        break;
      case Encoding::kMulaw:
      case Encoding::kAlaw:
        n_read = sf_read_raw(file_.get(), bytes.data(), static_cast<sf_count_t>(bytes.size())) / format_.channels;
        break;
    }
    if (sf_error(file_.get()) != SF_ERR_NO_ERROR) refuse(path_, sf_strerror(file_.get()));
    bytes.resize(static_cast<std::size_t>(std::max<std::int64_t>(n_read, 0)) * format_.bytes_per_step());
  }

 private:
  /// libsndfile hands 24-bit samples out in the upper bytes of 32.
  std::int64_t read_24_bit(std::int64_t n_samples, std::vector<std::byte>& bytes) {
    wide_.resize(static_cast<std::size_t>(n_samples) * static_cast<std::size_t>(format_.channels));
    const std::int64_t n_read = sf_readf_int(file_.get(), wide_.data(), n_samples);
    const auto n_values =
        static_cast<std::size_t>(std::max<std::int64_t>(n_read, 0)) * static_cast<std::size_t>(format_.channels);
    for (std::size_t i = 0; i < n_values; ++i) {
      const auto value = static_cast<std::uint32_t>(wide_[i]);
      bytes[3 * i] = static_cast<std::byte>(value >> 8);
      bytes[3 * i + 1] = static_cast<std::byte>(value >> 16);
      bytes[3 * i + 2] = static_cast<std::byte>(value >> 24);
    }
    return n_read;
  }

  struct Close {
    void operator()(SNDFILE* file) const noexcept { sf_close(file); }
  };

  std::string path_;
  std::unique_ptr<SNDFILE, Close> file_;
  AudioFormat format_;
  std::int64_t length_ = 0;
  std::string warning_;
  std::vector<int> wide_;
};

}  // namespace

std::unique_ptr<AudioInput> open_audio_file(const std::string& path) {
  check_file(path);
  return std::make_unique<FileInput>(path);
}

}  // namespace melstream::client
