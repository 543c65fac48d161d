// Audio that resembles speech, made in memory: voiced syllables with formants, hissing consonants, pauses. Never from a
// microphone, so that a load test has nobody's words in it. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/audio_format.hpp"

namespace melstream::client {

/// @return n_samples of one channel, full scale 1, the same for the same arguments. The end fits the beginning, so that
/// it can be repeated.
std::vector<float> make_speech(int rate_hz, std::int64_t n_samples);

/// Samples as they go to the daemon; beyond full scale: the largest value.
std::string encode_samples(std::span<const float> samples, Encoding encoding);

}  // namespace melstream::client
