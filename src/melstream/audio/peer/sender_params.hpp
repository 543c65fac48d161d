// What the URIs of kinds have in common that others send to: ids of streams, when a sender counts as gone, how many
// there may be. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/source_uri.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/core/stream_opener.hpp"

namespace melstream::audio {

struct SenderParams {
  core::SourceSpec spec;
  core::Conceal conceal = core::Conceal::kNone;
  IdTemplate id;
  BindSpec bind;
  std::int64_t idle_ns = 0;     ///< 0: for ever
  std::size_t max_senders = 1;  ///< at once

  /// One id for all: a second sender cannot be live beside the first.
  bool has_one_id() const;
  /// The stream of a sender. @param n the smallest free number from 1, @param port where it sends to.
  core::StreamRequest request(std::size_t n, std::uint16_t port, const NetAddress& peer,
                              const core::PcmFormat& format) const;
};

/// Takes allow_from, stream, idle_timeout_s, conceal and max_name. @param max_name the parameter that bounds the number
/// of senders. Throws core::Error(kInvalidArgument, "uri").
SenderParams take_sender_params(const core::SourceSpec& spec, const SourceUri& uri, UriParams& params,
                                std::string_view max_name);

/// Numbers of senders that are live: each new one gets the smallest that is free.
class SenderNumbers {
 public:
  std::size_t take();
  void give_back(std::size_t n) noexcept { taken_[n - 1] = false; }

 private:
  std::vector<bool> taken_;
};

/// "1.234", for logs.
std::string seconds_text(std::int64_t ns);

}  // namespace melstream::audio
