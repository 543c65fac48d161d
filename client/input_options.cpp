#include "client/input_options.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>

#include <unistd.h>

namespace melstream::client {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw ClientError(ExitCode::kUsage, why); }

}  // namespace

std::unique_ptr<AudioInput> open_input(const InputOptions& options, int wake_fd) {
  if (options.path != "-") {
    if (options.has_raw_format) refuse("--rate, --encoding and --channels are for raw samples on stdin ('-')");
    auto input = open_audio_file(options.path);
    if (!input->warning().empty()) std::fprintf(stderr, "melstream: warning: %s\n", input->warning().c_str());
    return input;
  }
  if (options.rate_hz < 8000 || options.rate_hz > 192000) {
    refuse("--rate " + std::to_string(options.rate_hz) + ": 8000 to 192000 samples a second can be sent");
  }
  if (options.channels < 1 || options.channels > 8) {
    refuse("--channels " + std::to_string(options.channels) + ": 1 to 8 can be sent");
  }
  return open_raw_input(STDIN_FILENO, {parse_encoding(options.encoding), options.rate_hz, options.channels}, wake_fd);
}

std::optional<int> parse_channel(const InputOptions& options, const AudioFormat& format) {
  const std::string& text = options.channel;
  if (text == "mix") return std::nullopt;
  int channel = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), channel);
  if (error != std::errc() || end != text.data() + text.size() || channel < 0) {
    refuse("--channel '" + text + "': use a number from 0, or mix; push also takes split");
  }
  if (channel >= format.channels) {
    refuse("--channel " + text + ": the input has " + std::to_string(format.channels) + " channels, counted from 0");
  }
  return channel;
}

std::int64_t chunk_samples(const InputOptions& options, const AudioFormat& format) {
  const std::int64_t n = options.chunk_samples == 0 ? format.rate_hz / 50 : options.chunk_samples;
  const std::int64_t most = largest_chunk(format);
  if (n < 1 || n > most) {
    refuse("--chunk-samples " + std::to_string(n) + ": 1 to " + std::to_string(most) +
           " fit into one message (256,000 bytes)");
  }
  return n;
}

std::int64_t seconds_to_samples(double seconds, int rate_hz, const char* option) {
  // Ten years: far from overflow, farther than any stream.
  constexpr double kMaxSeconds = 3.2e8;
  if (!(seconds >= 0 && seconds <= kMaxSeconds)) refuse(std::string(option) + " must be seconds from 0 up");
  return std::llround(seconds * rate_hz);
}

}  // namespace melstream::client
