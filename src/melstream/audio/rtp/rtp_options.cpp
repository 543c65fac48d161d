#include "melstream/audio/rtp/rtp_options.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kLongestJitterMs = 2000;
// Of the kernel's buffer: 0.2 s of 1500 calls in one port, and plenty for one call.
constexpr std::int64_t kReceiveBytesOfMany = std::int64_t{16} << 20;
constexpr std::int64_t kReceiveBytesOfOne = std::int64_t{1} << 20;

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

std::optional<std::int64_t> number_of(std::string_view text) noexcept {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Minimum and maximum.
std::pair<std::int64_t, std::int64_t> take_jitter_ms(UriParams& params) {
  const std::string text = params.text("jitter_ms").value_or("20-200");
  const std::size_t dash = text.find('-');
  const auto low = number_of(std::string_view(text).substr(0, dash));
  const auto high = dash == std::string::npos ? low : number_of(std::string_view(text).substr(dash + 1));
  if (!low || !high || *low < 0 || *high < *low || *high > kLongestJitterMs) {
    params.complain("jitter_ms=" + text + ": write MIN-MAX in milliseconds, 0 to 2000, such as jitter_ms=20-200");
    return {0, kLongestJitterMs};  // until that is told
  }
  return {*low, *high};
}

/// RTP has the even ports of a range, RTCP the odd ones (RFC 3550 section 11); so odd ones are left out where the range
/// begins with an even one.
std::vector<std::uint16_t> take_ports(const SourceUri& uri, UriParams& params) {
  const bool even = params.choice("ports", {"even", "all"}, uri.first_port % 2 == 0 ? 0 : 1) == 0;
  std::vector<std::uint16_t> ports;
  for (std::uint32_t port = uri.first_port; port <= uri.last_port; ++port) {
    if (!even || port % 2 == 0 || uri.first_port == uri.last_port) ports.push_back(static_cast<std::uint16_t>(port));
  }
  if (ports.empty()) refuse("'" + uri.text + "' has no even port; write ports=all");
  return ports;
}

IdTemplate take_stream(UriParams& params, bool demux_ssrc, bool has_ports) {
  std::string text = params.text("stream").value_or(demux_ssrc ? "{id}-{ssrc}" : has_ports ? "{id}-{port}" : "{id}");
  IdTemplate stream(text, {"id", "ssrc", "port", "peer"});
  if (demux_ssrc && !stream.uses("ssrc")) {
    refuse("stream=" + text + ": with demux=ssrc it needs {ssrc}, or all calls would have one id: call-{ssrc}");
  }
  if (!demux_ssrc && has_ports && !stream.uses("port")) {
    refuse("stream=" + text + ": with a range of ports it needs {port}, or all calls would have one id: call-{port}");
  }
  return stream;
}

std::string target_of(const SourceUri& uri) {
  const bool v6 = uri.host.find(':') != std::string::npos;
  return (v6 ? "[" + uri.host + "]" : uri.host) + ":" + std::to_string(uri.first_port);
}

}  // namespace

RtpOptions rtp_options(const core::SourceSpec& spec, const SourceUri& uri) {
  UriParams params = uri.params;
  const std::string target = target_of(uri);
  BindSpec bind = take_bind(uri, params, true);
  const bool demux_ssrc = params.choice("demux", {"none", "ssrc"}, 0) == 1;
  const auto rate_hz = static_cast<int>(params.integer("rate", 0, core::kMinSampleRateHz, core::kMaxSampleRateHz));
  const auto [low_ms, high_ms] = take_jitter_ms(params);
  RtpOptions options{
      .id = spec.id,
      .labels = spec.labels,
      .bind = std::move(bind),
      .ports = take_ports(uri, params),
      .types = PayloadTypes(params.text("pt").value_or(""), rate_hz, target),
      .target = target,
      .demux_ssrc = demux_ssrc,
      .stream = take_stream(params, demux_ssrc, uri.first_port != uri.last_port),
      .max_ssrc = static_cast<int>(params.integer("max_ssrc", 16, 1, 65536)),
      .jitter_min_ns = low_ms * kNsPerMs,
      .jitter_max_ns = high_ms * kNsPerMs,
      .idle_timeout_ns = static_cast<std::int64_t>(params.number("idle_timeout_s", 30, 0.1, 86400) * 1e9),
      .conceal = take_conceal(params),
      .receive_bytes = static_cast<int>(
          params.integer("rcvbuf", demux_ssrc ? kReceiveBytesOfMany : kReceiveBytesOfOne, 4096, 1 << 30)),
  };
  take_channel(params, options.channels);
  if (!uri.path.empty() && uri.path != "/") refuse("'" + uri.text + "': rtp:// has no path; parameters follow a '?'");
  params.require_valid();
  return options;
}

}  // namespace melstream::audio
