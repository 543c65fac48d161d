#include "daemon/page/stream_list.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "melstream/engine/tables.hpp"

namespace melstream::page {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostStreams = 500;  // a screen has less
constexpr std::size_t kManyStreams = 50;
constexpr std::int64_t kPeriodNs = core::kNsPerSecond / 4;
constexpr double kSilenceDb = -120.0;

/// Labels come from anybody: what is no UTF-8 is replaced.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

double decibels(float amplitude) {
  const double db = amplitude > 0 ? 20.0 * std::log10(static_cast<double>(amplitude)) : kSilenceDb;
  return std::round(10.0 * std::max(db, kSilenceDb)) / 10.0;
}

const char* scale_of(const engine::FrontEndSpec& spec) {
  if (spec.cepstrum) return "cepstrum";
  switch (spec.log.base) {
    case engine::LogBase::kTen:
      return "log10";
    case engine::LogBase::kE:
      return "ln";
    case engine::LogBase::kNone:
      break;
  }
  return "linear";
}

/// Of each value of a row; empty where a row is no spectrum.
Json axis_of(const engine::FrontEndSpec& spec) {
  Json axis = Json::array();
  if (spec.cepstrum || spec.lfr.m > 1) return axis;
  for (const double hz : engine::mel_centres_hz(spec.mel)) axis.push_back(std::round(hz * 10.0) / 10.0);
  return axis;
}

Json front_end_of(const engine::FrontEnd& front_end) {
  const engine::RowGeometry rows = front_end.rows(engine::Smoothing::kNone);
  return {{"name", front_end.name()},
          {"values", front_end.n_bins()},
          {"hop_samples", engine::row_stride(rows)},
          {"needs_samples", engine::row_lookahead(rows)},
          {"smoothing", front_end.allows_smoothing()},
          {"scale", scale_of(front_end.spec())},
          {"axis_hz", axis_of(front_end.spec())}};
}

Json stream_of(const pipeline::StreamStatus& status, std::int64_t now_ns) {
  const std::int64_t behind_ns = status.newest_row_mono_ns == 0 ? 0 : now_ns - status.newest_row_mono_ns;
  return {{"id", status.id},
          {"epoch", std::to_string(status.epoch)},
          {"ended", status.ended},
          {"rms_db", decibels(status.rms)},
          {"peak_db", decibels(status.peak)},
          {"lag_ms", status.ended ? 0 : std::max<std::int64_t>(0, behind_ns / 1'000'000)},
          {"seconds", static_cast<double>(status.timeline_samples) / core::kSampleRateHz},
          {"gap_seconds", static_cast<double>(status.gap_samples) / core::kSampleRateHz},
          {"concealed_seconds", static_cast<double>(status.concealed_samples) / core::kSampleRateHz},
          {"readers", status.n_subscribers},
          {"labels", status.labels}};
}

}  // namespace

std::string hello_text(const engine::FrontEndCatalog& catalog, std::string_view version, bool with_microphone) {
  Json front_ends = Json::array();
  for (const auto& front_end : catalog.all()) front_ends.push_back(front_end_of(*front_end));
  Json gap_reasons = Json::array();
  for (std::size_t i = 0; i < core::kNGapReasons; ++i) {
    gap_reasons.push_back(core::name_of(static_cast<core::GapReason>(i)));
  }
  return dumped({{"hello",
                  {{"version", version},
                   {"microphone", with_microphone},
                   {"front_ends", front_ends},
                   {"gap_reasons", gap_reasons},
                   {"end_reasons", {"completed", "source_lost", "taken_over", "shutdown"}}}}});
}

const std::string& StreamList::text(std::int64_t now_ns) {
  if (now_ns < next_ns_) return text_;
  const auto streams = registry_.all();
  next_ns_ = now_ns + (streams.size() < kManyStreams ? kPeriodNs : core::kNsPerSecond);
  Json list = Json::array();
  for (const auto& stream : streams) {
    if (list.size() == kMostStreams) break;
    list.push_back(stream_of(stream->status(), now_ns));
  }
  std::string text = dumped({{"streams", list}, {"total", streams.size()}});
  if (text != text_) {
    text_ = std::move(text);
    ++version_;
  }
  return text_;
}

}  // namespace melstream::page
