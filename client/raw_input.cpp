// Raw samples from a descriptor, and the input that pads or cuts another.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "client/audio_input.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

const std::string kNoWarning;

class RawInput final : public AudioInput {
 public:
  RawInput(int fd, const AudioFormat& format, int wake_fd) : fd_(fd), wake_fd_(wake_fd), format_(format) {}

  const AudioFormat& format() const noexcept override { return format_; }
  std::optional<std::int64_t> length() const noexcept override { return std::nullopt; }
  const std::string& warning() const noexcept override { return kNoWarning; }

  void read(std::int64_t n_samples, std::vector<std::byte>& bytes) override {
    if (n_left_over_ > 0) refuse_rest();
    bytes.resize(static_cast<std::size_t>(n_samples) * format_.bytes_per_step());
    std::size_t n_read = 0;
    while (n_read < bytes.size() && wait_for_bytes()) {
      const ssize_t n = ::read(fd_, bytes.data() + n_read, bytes.size() - n_read);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw ClientError(ExitCode::kInput, std::string("the input cannot be read: ") + std::strerror(errno));
      if (n == 0) {
        ended_ = true;
        n_left_over_ = n_read % format_.bytes_per_step();
        break;
      }
      n_read += static_cast<std::size_t>(n);
      n_total_ += n;
    }
    bytes.resize(n_read - n_read % format_.bytes_per_step());
    if (bytes.empty() && n_left_over_ > 0) refuse_rest();
  }

 private:
  /// False at the end of the input, or when the user wants to stop.
  bool wait_for_bytes() {
    if (ended_) return false;
    std::array<pollfd, 2> fds = {{{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}}};
    while (poll(fds.data(), wake_fd_ >= 0 ? 2 : 1, -1) < 0 && errno == EINTR) {
    }
    if (wake_fd_ >= 0 && fds[1].revents != 0) {
      ended_ = true;
      return false;
    }
    return true;
  }

  [[noreturn]] void refuse_rest() const {
    throw ClientError(ExitCode::kInput, "the raw input ends inside a sample: of its " + std::to_string(n_total_) +
                                            " bytes the last " + std::to_string(n_left_over_) + " are left over (" +
                                            std::to_string(format_.bytes_per_step()) + " bytes a sample of " +
                                            encoding_name(format_.encoding) + ", " + std::to_string(format_.channels) +
                                            " channels)");
  }

  int fd_;
  int wake_fd_;
  AudioFormat format_;
  bool ended_ = false;
  std::int64_t n_total_ = 0;
  std::size_t n_left_over_ = 0;
};

class PaddedInput final : public AudioInput {
 public:
  PaddedInput(std::unique_ptr<AudioInput> input, std::int64_t n_samples)
      : input_(std::move(input)), n_samples_(n_samples), n_left_(n_samples) {}

  const AudioFormat& format() const noexcept override { return input_->format(); }
  std::optional<std::int64_t> length() const noexcept override { return n_samples_; }
  const std::string& warning() const noexcept override { return input_->warning(); }

  void read(std::int64_t n_samples, std::vector<std::byte>& bytes) override {
    n_samples = std::min(n_samples, n_left_);
    n_left_ -= n_samples;
    bytes.clear();
    if (!ended_ && n_samples > 0) input_->read(n_samples, bytes);
    const std::size_t wanted = static_cast<std::size_t>(n_samples) * format().bytes_per_step();
    if (bytes.size() < wanted) {
      ended_ = true;
      // What comes after a short read is nothing, or the refusal of an input that ends inside a sample.
      std::vector<std::byte> rest;
      input_->read(1, rest);
      bytes.resize(wanted, silence_byte(format().encoding));
    }
  }

 private:
  std::unique_ptr<AudioInput> input_;
  std::int64_t n_samples_;
  std::int64_t n_left_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AudioInput> open_raw_input(int fd, const AudioFormat& format, int wake_fd) {
  return std::make_unique<RawInput>(fd, format, wake_fd);
}

std::unique_ptr<AudioInput> pad_or_cut(std::unique_ptr<AudioInput> input, std::int64_t n_samples) {
  return std::make_unique<PaddedInput>(std::move(input), n_samples);
}

}  // namespace melstream::client
