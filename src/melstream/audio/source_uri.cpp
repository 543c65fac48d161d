#include "melstream/audio/source_uri.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "melstream/core/error.hpp"
#include "melstream/core/nearest.hpp"

namespace melstream::audio {
namespace {

constexpr std::size_t kMaxUriBytes = 4096;

constexpr std::array<std::pair<std::string_view, core::PcmEncoding>, 6> kEncodings = {{
    {"s16le", core::PcmEncoding::kLinear16},
    {"s24le", core::PcmEncoding::kLinear24},
    {"s32le", core::PcmEncoding::kLinear32},
    {"f32le", core::PcmEncoding::kFloat32},
    {"mulaw", core::PcmEncoding::kMulaw},
    {"alaw", core::PcmEncoding::kAlaw},
}};

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string joined(const std::vector<std::string_view>& words) {
  std::string all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) all += i + 1 == words.size() ? " or " : ", ";
    all += words[i];
  }
  return all;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// "a%20b" to "a b".
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      refuse(quoted(text) + ": '%' must be followed by two hexadecimal digits (not 00); '%' itself is %25");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

template <typename Number>
std::optional<Number> parsed(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint16_t parse_port(std::string_view text, std::string_view uri) {
  const auto port = parsed<std::uint32_t>(text);
  if (!port || *port > 65535) refuse(quoted(uri) + ": port " + quoted(text) + " is not 0 to 65535");
  return static_cast<std::uint16_t>(*port);
}

void parse_ports(std::string_view text, SourceUri& uri) {
  const std::size_t dash = text.find('-');
  uri.first_port = parse_port(text.substr(0, dash), uri.text);
  uri.last_port = dash == std::string_view::npos ? uri.first_port : parse_port(text.substr(dash + 1), uri.text);
  if (uri.last_port < uri.first_port || (dash != std::string_view::npos && uri.first_port == 0)) {
    refuse(quoted(uri.text) + ": ports " + quoted(text) + " must be FIRST-LAST, with 1 <= FIRST <= LAST");
  }
}

void parse_authority(std::string_view text, SourceUri& uri) {
  uri.has_authority = true;
  if (text.find('@') != std::string_view::npos) {
    refuse(quoted(uri.text) + ": a source has no user and no password; write " + uri.scheme + "://HOST:PORT");
  }
  std::size_t colon = text.rfind(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) refuse(quoted(uri.text) + ": '[' of an IPv6 address without ']'");
    uri.host = text.substr(1, close - 1);
    colon = close + 1 < text.size() && text[close + 1] == ':' ? close + 1 : std::string_view::npos;
  } else if (colon != std::string_view::npos) {
    uri.host = text.substr(0, colon);
  }
  if (colon == std::string_view::npos || uri.host.empty()) {
    refuse(quoted(uri.text) + ": write " + uri.scheme + "://HOST:PORT, such as " + uri.scheme + "://127.0.0.1:7000");
  }
  if (uri.host.find(':') != std::string::npos && text.front() != '[') {
    refuse(quoted(uri.text) + ": put an IPv6 address into brackets: [::1]:7000");
  }
  parse_ports(text.substr(colon + 1), uri);
}

UriParams parse_params(std::string_view text) {
  UriParams::Values values;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos) refuse(quoted(pair) + ": parameters are name=value");
    std::string name = decoded(pair.substr(0, equals));
    for (const auto& [other, value] : values) {
      if (other == name) refuse(quoted(name) + " is there twice");
    }
    values.emplace_back(std::move(name), decoded(pair.substr(equals + 1)));
  }
  return UriParams(std::move(values));
}

bool is_id_character(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::optional<std::string> UriParams::text(std::string_view name) {
  asked_.emplace_back(name);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].first != name) continue;
    taken_[i] = true;
    return values_[i].second;
  }
  return std::nullopt;
}

bool UriParams::boolean(std::string_view name, bool standard) {
  return choice(name, {"false", "true"}, standard ? 1 : 0) == 1;
}

std::int64_t UriParams::integer(std::string_view name, std::int64_t standard, std::int64_t low, std::int64_t high) {
  const auto given = text(name);
  if (!given) return standard;
  const auto value = parsed<std::int64_t>(*given);
  if (!value || *value < low || *value > high) {
    complain(std::string(name) + "=" + *given + ": must be " + std::to_string(low) + " to " + std::to_string(high));
    return standard;
  }
  return *value;
}

double UriParams::number(std::string_view name, double standard, double low, double high) {
  const auto given = text(name);
  if (!given) return standard;
  const auto value = parsed<double>(*given);
  if (!value || !(*value >= low && *value <= high)) {
    std::array<char, 64> range{};
    std::snprintf(range.data(), range.size(), "%g to %g", low, high);
    complain(std::string(name) + "=" + *given + ": must be " + range.data());
    return standard;
  }
  return *value;
}

std::size_t UriParams::choice(std::string_view name, const std::vector<std::string_view>& accepted,
                              std::size_t standard) {
  const auto given = text(name);
  if (!given) return standard;
  const auto found = std::find(accepted.begin(), accepted.end(), *given);
  if (found == accepted.end()) {
    complain(std::string(name) + "=" + *given + ": must be " + joined(accepted));
    return standard;
  }
  return static_cast<std::size_t>(found - accepted.begin());
}

void UriParams::require_valid() const {
  std::vector<std::string> mistakes = mistakes_;
  const std::vector<std::string_view> known(asked_.begin(), asked_.end());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (taken_[i]) continue;
    mistakes.push_back("unknown parameter " + quoted(values_[i].first) + core::did_you_mean(values_[i].first, known));
  }
  if (mistakes.empty()) return;
  std::string message;
  for (const std::string& mistake : mistakes) message += (message.empty() ? "" : "; ") + mistake;
  if (mistakes.size() > mistakes_.size()) {
    std::string names;
    for (const std::string& name : asked_) names += (names.empty() ? "" : ", ") + name;
    message += "; this kind of source has: " + names;
  }
  refuse(message);
}

std::string scheme_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) {
    refuse(quoted(text) + " is no URI: write SCHEME:REST, such as mic:default or tcp://127.0.0.1:7000");
  }
  std::string scheme;
  for (const char c : text.substr(0, colon)) scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return scheme;
}

SourceUri parse_source_uri(std::string_view text) {
  if (text.size() > kMaxUriBytes) refuse("the URI has " + std::to_string(text.size()) + " bytes; at most 4096");
  SourceUri uri;
  uri.text = text;
  uri.scheme = scheme_of(text);
  std::string_view rest = text.substr(text.find(':') + 1);
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    uri.params = parse_params(rest.substr(question + 1));
    rest = rest.substr(0, question);
  }
  if (rest.substr(0, 3) == "///") {
    rest.remove_prefix(2);  // as in file:///path: no host
  } else if (rest.substr(0, 2) == "//") {
    rest.remove_prefix(2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    parse_authority(rest.substr(0, slash), uri);
    rest.remove_prefix(slash);
  }
  uri.path = decoded(rest);
  return uri;
}

std::optional<core::PcmEncoding> encoding_named(std::string_view name) noexcept {
  for (const auto& [known, encoding] : kEncodings) {
    if (known == name) return encoding;
  }
  return std::nullopt;
}

std::string_view name_of(core::PcmEncoding encoding) noexcept {
  for (const auto& [name, known] : kEncodings) {
    if (known == encoding) return name;
  }
  return {};
}

void take_channel(UriParams& params, core::PcmFormat& format) {
  const auto given = params.text("channel");
  if (!given || *given == "mix") {
    format.channel_mode = core::ChannelMode::kMix;
  } else if (*given == "split") {
    format.channel_mode = core::ChannelMode::kSplit;
  } else if (const auto index = parsed<int>(*given); index && *index >= 0 && *index < core::kMaxChannels) {
    format.channel_mode = core::ChannelMode::kIndex;
    format.channel_index = *index;
  } else {
    params.complain("channel=" + *given + ": must be mix, split, or a channel counted from 0");
  }
}

core::PcmFormat take_format(UriParams& params, const core::PcmFormat& standard) {
  core::PcmFormat format = standard;
  format.sample_rate_hz =
      static_cast<int>(params.integer("rate", standard.sample_rate_hz, core::kMinSampleRateHz, core::kMaxSampleRateHz));
  std::vector<std::string_view> names;
  std::size_t of_standard = 0;
  for (std::size_t i = 0; i < kEncodings.size(); ++i) {
    names.push_back(kEncodings[i].first);
    if (kEncodings[i].second == standard.encoding) of_standard = i;
  }
  format.encoding = kEncodings[params.choice("encoding", names, of_standard)].second;
  format.n_channels = static_cast<int>(params.integer("channels", standard.n_channels, 1, core::kMaxChannels));
  take_channel(params, format);
  if (format.channel_mode == core::ChannelMode::kIndex && format.channel_index >= format.n_channels) {
    params.complain("channel=" + std::to_string(format.channel_index) + ": the audio has " +
                    std::to_string(format.n_channels) + (format.n_channels == 1 ? " channel" : " channels") +
                    ", counted from 0 (say more with channels=)");
    return format;
  }
  try {
    core::validate(format);
  } catch (const core::Error& error) {
    params.complain(error.what());
  }
  return format;
}

core::Conceal take_conceal(UriParams& params) {
  constexpr std::array kValues = {core::Conceal::kNone, core::Conceal::kZero, core::Conceal::kHold};
  return kValues[params.choice("conceal", {"none", "zero", "hold"}, 0)];
}

IdTemplate::IdTemplate(std::string text, const std::vector<std::string_view>& names) : text_(std::move(text)) {
  if (text_.empty())
    refuse("stream= is empty: give an id, or a template such as call-{" + std::string(names.back()) + "}");
  for (std::size_t at = 0; at < text_.size(); ++at) {
    if (text_[at] == '{') {
      const std::size_t close = text_.find('}', at);
      const std::string name = text_.substr(at + 1, close == std::string::npos ? close : close - at - 1);
      if (close == std::string::npos || std::find(names.begin(), names.end(), name) == names.end()) {
        refuse("stream=" + text_ + ": no placeholder '{" + name + "}'; there are {" + joined(names) + "}");
      }
      at = close;
    } else if (!is_id_character(text_[at])) {
      refuse("stream=" + text_ + ": ids have A-Z a-z 0-9 . _ - and placeholders in braces");
    }
  }
}

bool IdTemplate::uses(std::string_view name) const {
  return text_.find("{" + std::string(name) + "}") != std::string::npos;
}

std::string IdTemplate::id(const Values& values) const {
  std::string id;
  for (std::size_t at = 0; at < text_.size(); ++at) {
    if (text_[at] != '{') {
      id += text_[at];
      continue;
    }
    const std::size_t close = text_.find('}', at);
    const std::string_view name = std::string_view(text_).substr(at + 1, close - at - 1);
    for (const auto& [known, value] : values) {
      if (known == name) id += value;
    }
    at = close;
  }
  for (char& c : id) {
    if (!is_id_character(c)) c = '-';
  }
  return id;
}

}  // namespace melstream::audio
