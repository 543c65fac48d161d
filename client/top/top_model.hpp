// What `melstream top` shows: the daemon's answers, with rates from one look to the next. No terminal here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "melstream/v1/admin_service.pb.h"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

/// The daemon's answers of one look.
struct TopLook {
  double time_s = 0;  ///< steady, of any origin
  v1::GetServerInfoResponse info;
  v1::ListStreamsResponse streams;
  v1::ListSubscriptionsResponse subscriptions;
  std::string subscriptions_error;  ///< why there are none, if they were refused
};

struct TopStream {
  std::string id;
  std::string labels;  ///< "room=3 site=lab"
  bool ended = false;
  double seconds = 0;  ///< of its timeline
  float rms_dbfs = 0;
  float peak_dbfs = 0;
  std::string front_ends;
  int subscribers = 0;
  std::int64_t lag_frames = 0;      ///< of its readers that follow it alone, the one that is behind most
  double gap_s = 0;                 ///< lost audio, in all
  std::optional<double> gap_per_s;  ///< lost seconds a second, since the look before
  std::optional<double> behind_ms;  ///< since the last sample of the newest row arrived
};

struct TopSubscription {
  v1::SubscriptionInfo info;
  std::optional<double> gaps_per_s;    ///< frames, since the look before
  std::optional<double> frames_per_s;  ///< delivered
};

/// Rates since the look before; absent after the first.
struct TopRates {
  double tick_share = 0;    ///< of the time, in passes
  double engine_share = 0;  ///< of the time, with a batch
  double cpu_share = 0;     ///< of all processors that the daemon may use
  double frames_per_s = 0;
  double frames_per_tick = 0;
  double late_ticks_per_s = 0;
  double delivered_per_s = 0;
  double gapped_per_s = 0;
};

enum class TopOrder : std::uint8_t { kName, kLevel, kSubscribers, kLag, kGaps, kGapRate, kBehind };

class TopModel {
 public:
  /// Replaces what was shown.
  void update(TopLook look);

  const v1::GetServerInfoResponse& info() const noexcept { return look_.info; }
  const std::optional<TopRates>& rates() const noexcept { return rates_; }
  const std::string& subscriptions_error() const noexcept { return look_.subscriptions_error; }
  std::size_t n_streams() const noexcept { return streams_.size(); }
  const std::vector<TopSubscription>& subscriptions() const noexcept { return subscriptions_; }
  /// The first `n` by the order, worst or loudest first, behind the first `skip`; live ones before those that ended.
  std::vector<const TopStream*> streams(TopOrder order, bool reversed, std::size_t skip, std::size_t n) const;

 private:
  using StreamKey = std::pair<std::string, std::uint64_t>;
  /// A reader is known by its address, what it follows and its front end.
  using SubscriptionKey = std::pair<std::string, std::pair<std::string, std::string>>;

  void update_streams(double elapsed_s);
  void update_subscriptions(double elapsed_s);

  TopLook look_;
  bool looked_ = false;
  std::optional<TopRates> rates_;
  std::vector<TopStream> streams_;
  std::vector<TopSubscription> subscriptions_;
  std::map<StreamKey, std::int64_t> gap_samples_;  ///< of the last look
  std::map<SubscriptionKey, v1::SubscriptionInfo> subscriptions_before_;
};

/// "name", "level", "subscribers", "lag", "gaps", "gap-rate", "behind". Throws ClientError(kUsage).
TopOrder parse_top_order(const std::string& text);
const char* top_order_name(TopOrder order) noexcept;

}  // namespace melstream::client
