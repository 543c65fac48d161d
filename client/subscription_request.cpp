#include "client/subscription_request.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"

namespace melstream::client {
namespace {

/// The number after a prefix; false if the text is anything else.
template <typename Number>
bool parse_after(std::string_view text, std::string_view prefix, Number& number) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + prefix.size(), end, number);
  return error == std::errc() && next == end;
}

}  // namespace

void set_start(const std::string& text, v1::SubscribeConfig& config) {
  std::int64_t frame = 0;
  double seconds = 0;
  if (text == "live") {
    config.mutable_live();
  } else if (parse_after(text, "frame:", frame) && frame >= 0) {
    config.set_frame(frame);
  } else if (parse_after(text, "back:", seconds) && std::isfinite(seconds) && seconds >= 0) {
    config.set_seconds_back(seconds);
  } else {
    throw ClientError(ExitCode::kUsage, "--start '" + text + "': use live, frame:N or back:SECONDS");
  }
}

v1::SlowPolicy parse_slow_policy(const std::string& text) {
  std::string wanted = text;
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  if (wanted == "drop_oldest") return v1::SLOW_POLICY_DROP_OLDEST;
  if (wanted == "disconnect") return v1::SLOW_POLICY_DISCONNECT;
  if (wanted == "block") return v1::SLOW_POLICY_BLOCK;
  throw ClientError(ExitCode::kUsage, "--policy '" + text + "': use drop_oldest, disconnect or block");
}

void refuse_window_normalization(v1::Normalization normalization) {
  if (!is_window_normalization(normalization)) return;
  throw ClientError(ExitCode::kUsage, std::string("the normalization ") + normalization_name(normalization) +
                                          " needs a whole window: use 'melstream window' or 'melstream extract', or "
                                          "running_max here");
}

}  // namespace melstream::client
