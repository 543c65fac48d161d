// The JSON object by which a sender says what its PCM is: the first line of a TCP connection, the first message of a
// WebSocket. Pure.
//
//   {"stream":"desk","rate":48000,"encoding":"s16le","channels":2,"channel":"mix","labels":{"room":"3"}}
//
// All may be left out; what is there must be right, and nothing else may be there.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "melstream/core/pcm.hpp"

namespace melstream::audio {

inline constexpr std::size_t kMaxPcmHeaderBytes = 4096;
inline constexpr std::string_view kPcmHeaderExample =
    R"({"stream":"desk","rate":16000,"encoding":"s16le","channels":1})";

struct PcmHeader {
  std::optional<std::string> stream;  ///< not checked: the opener does
  core::PcmFormat format;
  std::map<std::string, std::string> labels;  ///< not checked either
};

/// @param standard what the header leaves out. Throws core::Error(kInvalidArgument, the key) with an example; the
/// message holds no more of the input than a key or a value of at most 40 characters.
PcmHeader parse_pcm_header(std::string_view json, const core::PcmFormat& standard);

}  // namespace melstream::audio
