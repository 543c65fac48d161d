// Opening what the user named: a file or raw samples on stdin.
#pragma once

#include <memory>
#include <optional>

#include "client/audio_input.hpp"
#include "client/commands.hpp"

namespace melstream::client {

/// Throws ClientError: kUsage for options that do not fit, kInput for the file. Prints the input's warning on stderr.
/// @param wake_fd as of open_raw_input().
std::unique_ptr<AudioInput> open_input(const InputOptions& options, int wake_fd);

/// --channel: a number from 0, or none for "mix". Throws ClientError(kUsage).
std::optional<int> parse_channel(const InputOptions& options, const AudioFormat& format);

/// --chunk-samples, or 20 ms. Throws ClientError(kUsage) where a chunk would be over the wire's limit.
std::int64_t chunk_samples(const InputOptions& options, const AudioFormat& format);

/// Seconds as samples. Throws ClientError(kUsage) for negative, infinite or absurd values.
/// @param option stands in the message.
std::int64_t seconds_to_samples(double seconds, int rate_hz, const char* option);

}  // namespace melstream::client
