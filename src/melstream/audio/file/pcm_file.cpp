#include "melstream/audio/file/pcm_file.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sndfile.h>
#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

struct CloseFile {
  void operator()(SNDFILE* file) const noexcept { sf_close(file); }
};

/// Of a file in memory.
struct Memory {
  std::span<const std::byte> bytes;
  sf_count_t at = 0;
};

sf_count_t memory_size(void* user) { return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size()); }

sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const auto size = static_cast<sf_count_t>(memory.bytes.size());
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? memory.at : size;
  memory.at = std::clamp<sf_count_t>(base + std::clamp<sf_count_t>(offset, -size, size), 0, size);
  return memory.at;
}

sf_count_t memory_read(void* to, sf_count_t n, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const auto left = static_cast<sf_count_t>(memory.bytes.size()) - memory.at;
  const sf_count_t n_read = std::clamp<sf_count_t>(n, 0, left);
  std::copy_n(memory.bytes.begin() + memory.at, n_read, static_cast<std::byte*>(to));
  memory.at += n_read;
  return n_read;
}

sf_count_t memory_write(const void* /*from*/, sf_count_t /*n*/, void* /*user*/) { return 0; }

sf_count_t memory_tell(void* user) { return static_cast<Memory*>(user)->at; }

/// What keeps every bit of the subtype.
core::PcmEncoding encoding_of(int subtype) noexcept {
  switch (subtype & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW:
      return core::PcmEncoding::kLinear16;
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
      return core::PcmEncoding::kLinear32;
    default:
      return core::PcmEncoding::kFloat32;
  }
}

}  // namespace

/// Of a file on disk, closed after libsndfile is done with it.
struct FileDescriptor {
  FileDescriptor() = default;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;
};

struct PcmFile::State {
  std::string name;
  FileDescriptor descriptor;
  Memory memory;
  std::unique_ptr<SNDFILE, CloseFile> file;
  core::PcmFormat format;
  bool seekable = false;
  std::vector<std::byte> samples;

  [[noreturn]] void refuse(const std::string& why) const {
    throw core::Error(core::ErrorCode::kUnavailable, "file '" + name + "': " + why, "uri");
  }

  void adopt(SNDFILE* opened, const SF_INFO& info) {
    file.reset(opened);
    if (opened == nullptr) refuse(std::string(sf_strerror(nullptr)) + "; give audio that libsndfile reads");
    format = {.encoding = encoding_of(info.format), .sample_rate_hz = info.samplerate, .n_channels = info.channels};
    seekable = info.seekable != 0;
    try {
      core::validate(format);
    } catch (const core::Error& error) {
      refuse(error.what());
    }
  }
};

PcmFile::PcmFile(const std::string& path) : state_(std::make_unique<State>()) {
  state_->name = path;
  // A pipe or a device would hold up whoever opens or reads it.
  state_->descriptor.fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat about {};
  const bool is_open = state_->descriptor.fd >= 0 && fstat(state_->descriptor.fd, &about) == 0;
  if (!is_open) state_->refuse(std::generic_category().message(errno));
  if (!S_ISREG(about.st_mode)) state_->refuse("it is no regular file; from a pipe, publish with `melstream push -`");
  SF_INFO info{};
  SNDFILE* const opened = sf_open_fd(state_->descriptor.fd, SFM_READ, &info, SF_FALSE);
  state_->adopt(opened, info);
}

PcmFile::PcmFile(std::span<const std::byte> bytes, const std::string& name) : state_(std::make_unique<State>()) {
  state_->name = name;
  state_->memory = {.bytes = bytes};
  SF_VIRTUAL_IO io{memory_size, memory_seek, memory_read, memory_write, memory_tell};
  SF_INFO info{};
  SNDFILE* const opened = sf_open_virtual(&io, SFM_READ, &info, &state_->memory);
  state_->adopt(opened, info);
}

PcmFile::~PcmFile() {
  std::vector<std::byte>& samples = state_->samples;
  if (!samples.empty()) explicit_bzero(samples.data(), samples.size());
}

const core::PcmFormat& PcmFile::format() const noexcept { return state_->format; }

std::span<const std::byte> PcmFile::read(std::size_t n_samples) {
  const std::size_t sample_bytes =
      core::bytes_per_sample(state_->format.encoding) * static_cast<std::size_t>(state_->format.n_channels);
  state_->samples.resize(n_samples * sample_bytes);
  const auto wanted = static_cast<sf_count_t>(n_samples);
  sf_count_t n = 0;
  void* const to = state_->samples.data();
  switch (state_->format.encoding) {
    case core::PcmEncoding::kLinear16:
      n = sf_readf_short(state_->file.get(), static_cast<short*>(to), wanted);
      break;
    case core::PcmEncoding::kLinear32:
      n = sf_readf_int(state_->file.get(), static_cast<int*>(to), wanted);
      break;
    default:
      n = sf_readf_float(state_->file.get(), static_cast<float*>(to), wanted);
      break;
  }
  return std::span(state_->samples).first(static_cast<std::size_t>(std::max<sf_count_t>(n, 0)) * sample_bytes);
}

bool PcmFile::rewind() noexcept { return state_->seekable && sf_seek(state_->file.get(), 0, SEEK_SET) == 0; }

}  // namespace melstream::audio
