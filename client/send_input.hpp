// From an audio input to a publisher, in time.
#pragma once

#include <cstdint>
#include <functional>

#include "client/audio_input.hpp"
#include "client/interrupt.hpp"
#include "client/publisher.hpp"

namespace melstream::client {

/// Sends until the input ends, the user stops, or the daemon ends the call. Throws ClientError(kInput).
/// @param n_chunk samples a channel and message. @param realtime as fast as it is played, else as fast as it is taken.
/// @param on_chunk runs after each message.
void send_input(
    Publisher& publisher, AudioInput& input, std::int64_t n_chunk, bool realtime, const Interrupt& interrupt,
    const std::function<void()>& on_chunk = [] {});

}  // namespace melstream::client
