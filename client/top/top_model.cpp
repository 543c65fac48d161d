#include "client/top/top_model.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr double kTimelineRateHz = 16000.0;

struct OrderName {
  const char* text;
  TopOrder order;
};
constexpr std::array<OrderName, 7> kOrders = {{{"name", TopOrder::kName},
                                               {"level", TopOrder::kLevel},
                                               {"subscribers", TopOrder::kSubscribers},
                                               {"lag", TopOrder::kLag},
                                               {"gaps", TopOrder::kGaps},
                                               {"gap-rate", TopOrder::kGapRate},
                                               {"behind", TopOrder::kBehind}}};

std::string joined(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string labels_text(const v1::StreamInfo& info) {
  // The order of a protobuf map is not defined.
  const std::map<std::string, std::string> ordered(info.labels().begin(), info.labels().end());
  std::string text;
  for (const auto& [key, value] : ordered) {
    if (!text.empty()) text += " ";
    text.append(key).append("=").append(value);
  }
  return text;
}

std::optional<TopRates> rates_between(const v1::GetServerInfoResponse& before, const v1::GetServerInfoResponse& after) {
  const v1::ServerLoad& a = before.load();
  const v1::ServerLoad& b = after.load();
  const double elapsed_s = b.uptime_seconds() - a.uptime_seconds();
  // Another daemon, an older one, or the same look again.
  if (before.start_time_ns() != after.start_time_ns() || elapsed_s <= 0) return std::nullopt;
  const auto per_s = [elapsed_s](std::int64_t x, std::int64_t y) { return static_cast<double>(y - x) / elapsed_s; };
  TopRates rates;
  rates.tick_share = per_s(a.tick_busy_ns(), b.tick_busy_ns()) * 1e-9;
  rates.engine_share = per_s(a.engine_busy_ns(), b.engine_busy_ns()) * 1e-9;
  rates.cpu_share = (b.cpu_seconds() - a.cpu_seconds()) / elapsed_s / std::max(1, b.processors());
  rates.frames_per_s = per_s(before.frames_computed(), after.frames_computed());
  const double ticks_per_s = per_s(before.ticks(), after.ticks());
  rates.frames_per_tick = ticks_per_s > 0 ? rates.frames_per_s / ticks_per_s : 0;
  rates.late_ticks_per_s = per_s(a.late_ticks(), b.late_ticks());
  rates.delivered_per_s = per_s(a.frames_delivered(), b.frames_delivered());
  rates.gapped_per_s = per_s(a.frames_gapped(), b.frames_gapped());
  return rates;
}

/// What is sorted by, the largest first.
double weight(const TopStream& stream, TopOrder order) {
  switch (order) {
    case TopOrder::kLevel:
      return stream.rms_dbfs;
    case TopOrder::kSubscribers:
      return stream.subscribers;
    case TopOrder::kLag:
      return static_cast<double>(stream.lag_frames);
    case TopOrder::kGaps:
      return stream.gap_s;
    case TopOrder::kGapRate:
      return stream.gap_per_s.value_or(0);
    case TopOrder::kBehind:
      return stream.behind_ms.value_or(-1);
    case TopOrder::kName:
      break;
  }
  return 0;
}

}  // namespace

void TopModel::update(TopLook look) {
  const double elapsed_s = looked_ ? look.time_s - look_.time_s : 0;
  rates_ = looked_ ? rates_between(look_.info, look.info) : std::nullopt;
  look_ = std::move(look);
  looked_ = true;
  update_subscriptions(elapsed_s);
  update_streams(elapsed_s);
}

void TopModel::update_streams(double elapsed_s) {
  std::map<std::string, std::int64_t> lags;
  for (const TopSubscription& subscription : subscriptions_) {
    std::int64_t& lag = lags[subscription.info.streams()];
    lag = std::max<std::int64_t>(lag, subscription.info.lag_frames());
  }
  std::map<StreamKey, std::int64_t> gap_samples;
  streams_.clear();
  streams_.reserve(static_cast<std::size_t>(look_.streams.streams_size()));
  for (const v1::StreamInfo& info : look_.streams.streams()) {
    TopStream& stream = streams_.emplace_back();
    stream.id = info.stream();
    stream.labels = labels_text(info);
    stream.ended = info.state() != v1::STREAM_STATE_LIVE;
    stream.seconds = static_cast<double>(info.timeline_samples()) / kTimelineRateHz;
    stream.rms_dbfs = info.rms_dbfs();
    stream.peak_dbfs = info.peak_dbfs();
    stream.front_ends = joined(info.front_ends());
    stream.subscribers = info.subscriber_count();
    stream.gap_s = static_cast<double>(info.gap_samples()) / kTimelineRateHz;
    if (info.has_behind_ns()) stream.behind_ms = static_cast<double>(info.behind_ns()) * 1e-6;
    if (const auto lag = lags.find(stream.id); lag != lags.end() && !stream.ended) stream.lag_frames = lag->second;
    const StreamKey key{info.stream(), info.epoch()};
    gap_samples[key] = info.gap_samples();
    if (const auto before = gap_samples_.find(key); before != gap_samples_.end() && elapsed_s > 0) {
      stream.gap_per_s = static_cast<double>(info.gap_samples() - before->second) / kTimelineRateHz / elapsed_s;
    }
  }
  gap_samples_ = std::move(gap_samples);
}

void TopModel::update_subscriptions(double elapsed_s) {
  std::map<SubscriptionKey, v1::SubscriptionInfo> now;
  subscriptions_.clear();
  for (const v1::SubscriptionInfo& info : look_.subscriptions.subscriptions()) {
    TopSubscription& subscription = subscriptions_.emplace_back();
    subscription.info = info;
    const SubscriptionKey key{info.peer(), {info.streams(), info.front_end()}};
    const auto before = subscriptions_before_.find(key);
    // Fewer frames than before: another reader from the same address.
    if (before != subscriptions_before_.end() && elapsed_s > 0 &&
        info.delivered_frames() >= before->second.delivered_frames() &&
        info.gap_frames() >= before->second.gap_frames()) {
      const auto per_s = [&](std::int64_t a, std::int64_t b) { return static_cast<double>(b - a) / elapsed_s; };
      subscription.gaps_per_s = per_s(before->second.gap_frames(), info.gap_frames());
      subscription.frames_per_s = per_s(before->second.delivered_frames(), info.delivered_frames());
    }
    now[key] = info;
  }
  subscriptions_before_ = std::move(now);
  // Who is behind most comes first.
  std::stable_sort(subscriptions_.begin(), subscriptions_.end(), [](const auto& a, const auto& b) {
    return std::make_tuple(a.info.lag_frames(), a.info.gap_frames()) >
           std::make_tuple(b.info.lag_frames(), b.info.gap_frames());
  });
}

std::vector<const TopStream*> TopModel::streams(TopOrder order, bool reversed, std::size_t skip, std::size_t n) const {
  std::vector<const TopStream*> all;
  all.reserve(streams_.size());
  for (const TopStream& stream : streams_) all.push_back(&stream);
  const auto before = [order, reversed](const TopStream* a, const TopStream* b) {
    if (a->ended != b->ended) return b->ended;
    const double x = weight(*a, order);
    const double y = weight(*b, order);
    if (x != y) return reversed ? x < y : x > y;
    return order == TopOrder::kName && reversed ? a->id > b->id : a->id < b->id;
  };
  // Only what is shown is put in order.
  const std::size_t end = std::min(all.size(), skip + n);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end), all.end(), before);
  all.resize(end);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(skip, end)));
  return all;
}

TopOrder parse_top_order(const std::string& text) {
  std::string known;
  for (const OrderName& name : kOrders) {
    if (text == name.text) return name.order;
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  }
  throw ClientError(ExitCode::kUsage, "--sort '" + text + "': use one of " + known);
}

const char* top_order_name(TopOrder order) noexcept {
  for (const OrderName& name : kOrders) {
    if (name.order == order) return name.text;
  }
  return "";
}

}  // namespace melstream::client
