#include "melstream/audio/pcm_header.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "melstream/audio/source_uri.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 6> kKeys = {"stream", "rate", "encoding", "channels", "channel", "labels"};
constexpr std::size_t kShownBytes = 40;

[[noreturn]] void refuse(std::string_view what, std::string_view key = {}) {
  std::string message = "header: ";
  message.append(what).append("; a right one: ").append(kPcmHeaderExample);
  throw core::Error(core::ErrorCode::kInvalidArgument, message, std::string(key));
}

[[noreturn]] void refuse_value(std::string_view key, std::string_view value, std::string_view accepted) {
  std::string message(key);
  message.append(" ").append(value).append(" must be ").append(accepted);
  refuse(message, key);
}

/// As it may stand in a log: short, printable ASCII.
std::string shown(std::string_view text) {
  std::string out = "'" + std::string(text.substr(0, kShownBytes)) + (text.size() > kShownBytes ? "...'" : "'");
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  return out;
}

/// Builds the header while the parser reads: nothing else of the input is kept.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const core::PcmFormat& standard) { header.format = standard; }

  bool null() override { refuse_type("null"); }
  bool boolean(bool value) override { refuse_type(value ? "true" : "false"); }
  bool number_float(double, const std::string& text) override { refuse_type(shown(text)); }
  bool binary(binary_t&) override { refuse_type("binary"); }
  bool start_array(std::size_t) override { refuse_type("[...]"); }
  bool end_array() override { return true; }
  bool number_integer(std::int64_t value) override { return take(value); }
  bool number_unsigned(std::uint64_t value) override {
    return take(static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX)));
  }

  bool string(std::string& value) override {
    if (depth_ == 2) {
      header.labels[label_] = value;
    } else if (key_ == "stream") {
      header.stream = value;
    } else if (key_ == "encoding") {
      const auto encoding = encoding_named(value);
      if (!encoding) refuse_value(key_, shown(value), "s16le, s24le, s32le, f32le, mulaw or alaw");
      header.format.encoding = *encoding;
    } else if (key_ == "channel" && (value == "mix" || value == "split")) {
      header.format.channel_mode = value == "mix" ? core::ChannelMode::kMix : core::ChannelMode::kSplit;
    } else {
      refuse_type(shown(value));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (depth_ == 2 || (depth_ == 1 && key_ != "labels")) refuse_type("{...}");
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }

  bool key(std::string& name) override {
    if (depth_ == 2) {
      if (header.labels.count(name) > 0) refuse("the label " + shown(name) + " is there twice", "labels");
      label_ = name;
      return true;
    }
    const auto* const known = std::find(kKeys.begin(), kKeys.end(), name);
    if (known == kKeys.end()) {
      refuse("unknown key " + shown(name) + "; there are stream, rate, encoding, channels, channel and labels");
    }
    bool& seen = seen_[static_cast<std::size_t>(known - kKeys.begin())];
    if (std::exchange(seen, true)) refuse("the key " + shown(name) + " is there twice", name);
    key_ = name;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    refuse("no JSON object on one line: wrong at byte " + std::to_string(position));
  }

  PcmHeader header;

 private:
  bool take(std::int64_t value) {
    if (depth_ == 1 && key_ == "rate") {
      header.format.sample_rate_hz = checked(value, core::kMinSampleRateHz, core::kMaxSampleRateHz);
    } else if (depth_ == 1 && key_ == "channels") {
      header.format.n_channels = checked(value, 1, core::kMaxChannels);
    } else if (depth_ == 1 && key_ == "channel") {
      header.format.channel_mode = core::ChannelMode::kIndex;
      header.format.channel_index = checked(value, 0, core::kMaxChannels - 1);
    } else {
      refuse_type(std::to_string(value));
    }
    return true;
  }

  int checked(std::int64_t value, int low, int high) const {
    if (value < low || value > high) {
      refuse_value(key_, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
    }
    return static_cast<int>(value);
  }

  [[noreturn]] void refuse_type(std::string_view value) const {
    if (depth_ == 0) refuse("it must be an object: {...}");
    if (depth_ == 2) refuse_value("label " + shown(label_), value, "a text");
    const bool number = key_ == "rate" || key_ == "channels";
    refuse_value(key_, value,
                 number              ? "a whole number"
                 : key_ == "channel" ? R"("mix", "split" or a channel counted from 0)"
                 : key_ == "labels"  ? R"(an object of texts: {"room":"3"})"
                                     : "a text");
  }

  int depth_ = 0;
  std::array<bool, kKeys.size()> seen_{};
  std::string key_;
  std::string label_;
};

}  // namespace

PcmHeader parse_pcm_header(std::string_view json, const core::PcmFormat& standard) {
  if (json.size() > kMaxPcmHeaderBytes) {
    refuse("it has " + std::to_string(json.size()) + " bytes, at most " + std::to_string(kMaxPcmHeaderBytes));
  }
  Builder builder(standard);
  Json::sax_parse(json.begin(), json.end(), &builder);
  try {
    core::validate(builder.header.format);
  } catch (const core::Error& error) {
    refuse(error.what(), error.field());
  }
  return std::move(builder.header);
}

}  // namespace melstream::audio
