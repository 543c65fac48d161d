#include "melstream/audio/peer/sender_params.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr double kMostIdleSeconds = 86400;
constexpr std::int64_t kMostSenders = 4096;
const std::vector<std::string_view> kPlaceholders = {"id", "port", "peer", "n"};

}  // namespace

bool SenderParams::has_one_id() const { return !id.uses("n") && !id.uses("peer"); }

core::StreamRequest SenderParams::request(std::size_t n, std::uint16_t port, const NetAddress& peer,
                                          const core::PcmFormat& format) const {
  return {
      .id = id.id({{"id", spec.id}, {"n", std::to_string(n)}, {"port", std::to_string(port)}, {"peer", peer.text()}}),
      .labels = spec.labels,
      .format = format,
      .conceal = conceal};
}

SenderParams take_sender_params(const core::SourceSpec& spec, const SourceUri& uri, UriParams& params,
                                std::string_view max_name) {
  const double idle_s = params.number("idle_timeout_s", 30, 0, kMostIdleSeconds);
  return {.spec = spec,
          .conceal = take_conceal(params),
          .id = IdTemplate(params.text("stream").value_or("{id}"), kPlaceholders),
          .bind = take_bind(uri, params),
          .idle_ns = static_cast<std::int64_t>(idle_s * static_cast<double>(core::kNsPerSecond)),
          .max_senders = static_cast<std::size_t>(params.integer(max_name, 64, 1, kMostSenders))};
}

std::size_t SenderNumbers::take() {
  const auto free = std::find(taken_.begin(), taken_.end(), false);
  const auto n = static_cast<std::size_t>(free - taken_.begin()) + 1;
  if (free == taken_.end()) {
    taken_.push_back(true);
  } else {
    *free = true;
  }
  return n;
}

std::string seconds_text(std::int64_t ns) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", static_cast<double>(ns) / static_cast<double>(core::kNsPerSecond));
  return text.data();
}

}  // namespace melstream::audio
