// URIs of sources, taken apart: scheme, place, parameters. RFC 3986 where it matters to us; percent-encoding everywhere
// but in host and port.
//
//   mic:NAME?channel=0      file:/path/x.wav?loop=true      rtp://HOST:20000-22999?demux=ssrc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "melstream/core/pcm.hpp"

namespace melstream::audio {

/// The parameters after '?', each taken once by its name. A value that is not accepted counts as the standard one until
/// require_valid() tells it: all mistakes at once.
class UriParams {
 public:
  using Values = std::vector<std::pair<std::string, std::string>>;
  UriParams() = default;
  explicit UriParams(Values values) : values_(std::move(values)), taken_(values_.size(), false) {}

  std::optional<std::string> text(std::string_view name);
  bool boolean(std::string_view name, bool standard);  ///< true, false
  std::int64_t integer(std::string_view name, std::int64_t standard, std::int64_t low, std::int64_t high);
  double number(std::string_view name, double standard, double low, double high);
  /// Index of the value among `accepted`.
  std::size_t choice(std::string_view name, const std::vector<std::string_view>& accepted, std::size_t standard);
  /// For a value taken as text.
  void complain(const std::string& mistake) { mistakes_.push_back(mistake); }
  /// Throws core::Error(kInvalidArgument, "uri") with each value that was not accepted and what is, and each parameter
  /// that nobody took.
  void require_valid() const;

 private:
  Values values_;
  std::vector<bool> taken_;
  std::vector<std::string> asked_;  ///< names that were looked for
  std::vector<std::string> mistakes_;
};

struct SourceUri {
  std::string text;    ///< the whole
  std::string scheme;  ///< lower case
  // "scheme://HOST:PORT/PATH": kinds of the network.
  bool has_authority = false;
  std::string host;  ///< "127.0.0.1", "::1" (without brackets); "*" is not taken
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;  ///< equal to first_port without a range
  /// "/PATH" of those, else all between "scheme:" and '?': a device's name, a file's path.
  std::string path;
  UriParams params;  ///< take them from a copy
};

/// What is before the first ':', in lower case. Throws core::Error(kInvalidArgument, "uri") without one.
std::string scheme_of(std::string_view text);

/// Throws core::Error(kInvalidArgument, "uri").
SourceUri parse_source_uri(std::string_view text);

/// Takes rate (8000..192000), encoding (s16le, s24le, s32le, f32le, mulaw, alaw), channels (1..8) and channel (an
/// index, mix, split) from the parameters.
core::PcmFormat take_format(UriParams& params, const core::PcmFormat& standard = {});
/// Takes channel alone: for kinds that know the rest.
void take_channel(UriParams& params, core::PcmFormat& format);
/// Takes conceal (none, zero, hold).
core::Conceal take_conceal(UriParams& params);
/// "s16le" and the other names above. Nothing for any other.
std::optional<core::PcmEncoding> encoding_named(std::string_view name) noexcept;
std::string_view name_of(core::PcmEncoding encoding) noexcept;

/// Ids of streams by a template such as "call-{ssrc}": each {name} is replaced. Characters that an id cannot have
/// become
/// '-'. One that comes out too long is refused where the stream is opened.
class IdTemplate {
 public:
  /// @param names that may be used. Throws core::Error(kInvalidArgument, "uri") for another, or an empty result.
  IdTemplate(std::string text, const std::vector<std::string_view>& names);
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  std::string id(const Values& values) const;
  /// Whether it names this placeholder.
  bool uses(std::string_view name) const;

 private:
  std::string text_;
};

}  // namespace melstream::audio
