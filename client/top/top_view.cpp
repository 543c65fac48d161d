#include "client/top/top_view.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "client/json_object.hpp"
#include "client/number_text.hpp"
#include "client/spectrogram.hpp"

namespace melstream::client {
namespace {

constexpr int kMeterWidth = 10;

std::string percent(double share) { return fixed_number(100 * share, 0) + "%"; }

std::string megabytes(std::int64_t bytes) { return fixed_number(static_cast<double>(bytes) / 1e6, 0) + " MB"; }

/// Names and labels come from clients: nothing in them may move the cursor, or make a line longer than it counts.
std::string printable(const std::string& text) {
  std::string safe = text;
  for (char& c : safe) {
    if (c < ' ' || c > '~') c = '?';
  }
  return safe;
}

/// Cut or filled up to a width; numbers go to the right.
std::string cell(const std::string& text, std::size_t width, bool right = false) {
  std::string fitted = text.substr(0, width);
  const std::string fill(width - fitted.size(), ' ');
  return right ? fill + fitted : fitted + fill;
}

std::string level(float dbfs) { return std::isfinite(dbfs) ? fixed_number(dbfs, 1) : "-inf"; }

std::vector<std::string> head_lines(const TopModel& model, const std::string& server) {
  const v1::GetServerInfoResponse& info = model.info();
  const v1::ServerLoad& load = info.load();
  const TopRates rates = model.rates().value_or(TopRates{});
  const bool known = model.rates().has_value();
  const auto if_known = [known](const std::string& text) { return known ? text : std::string("-"); };
  std::vector<std::string> lines;
  lines.push_back("melstream top  " + server + "  " + info.version() + "  up " +
                  fixed_number(load.uptime_seconds(), 0) + " s" + (info.draining() ? "  DRAINING" : ""));
  lines.push_back("engine   " + info.engine().backend() + " " + info.engine().target() + ", " +
                  std::to_string(info.engine_threads()) + " thread(s)  tick busy " +
                  if_known(percent(rates.tick_share)) + " of " + fixed_number(info.tick_ms(), 0) + " ms (engine " +
                  if_known(percent(rates.engine_share)) + ")  " + if_known(fixed_number(rates.frames_per_s, 0)) +
                  " frames/s, " + if_known(fixed_number(rates.frames_per_tick, 1)) + " a tick  " +
                  if_known(fixed_number(rates.late_ticks_per_s, 1)) + " late ticks/s" +
                  (info.engine_losses() > 0 ? "  ENGINE LOST: " + printable(info.engine_loss_reason()) : ""));
  lines.push_back("process  CPU " + if_known(percent(rates.cpu_share)) + " of " + std::to_string(load.processors()) +
                  " processor(s)  memory " + megabytes(load.resident_bytes()) + " (peak " +
                  megabytes(load.resident_bytes_peak()) + ")  queued " + megabytes(info.queued_bytes()) + " (peak " +
                  megabytes(info.queued_bytes_peak()) + " of " + megabytes(info.queued_bytes_limit()) + ")" +
                  (info.memory_limit_bytes() > 0
                       ? "  kept " + megabytes(info.memory_bytes()) + " of " + megabytes(info.memory_limit_bytes())
                       : ""));
  lines.push_back("streams  " + std::to_string(info.stream_count()) + " of " + std::to_string(info.max_streams()) +
                  ", shed " + std::to_string(info.streams_shed()) + ", overload " +
                  std::to_string(info.overload_state()) + "  readers " + std::to_string(info.subscription_count()) +
                  "  delivered " + if_known(fixed_number(rates.delivered_per_s, 0)) + " frames/s, in gaps " +
                  if_known(fixed_number(rates.gapped_per_s, 0)) + "/s (" + std::to_string(load.frames_gapped()) +
                  " in all)");
  return lines;
}

std::string stream_heading() {
  return cell("STREAM", 24) + " " + cell("LEVEL", kMeterWidth + 2) + " " + cell("RMS", 6, true) + " " +
         cell("PEAK", 6, true) + " " + cell("LENGTH s", 9, true) + " " + cell("READERS", 7, true) + " " +
         cell("LAG", 6, true) + " " + cell("LOST s", 8, true) + " " + cell("LOST/s", 6, true) + " " +
         cell("BEHIND", 9, true) + "  " + cell("FRONT ENDS", 20) + " LABELS";
}

std::string stream_line(const TopStream& stream) {
  const std::string meter = stream.ended ? cell("ended", kMeterWidth + 2) : level_bar(stream.rms_dbfs, kMeterWidth);
  const std::string behind = stream.behind_ms ? fixed_number(*stream.behind_ms, 0) + " ms" : "-";
  const std::string rate = stream.gap_per_s ? fixed_number(*stream.gap_per_s, 2) : "-";
  return cell(printable(stream.id), 24) + " " + meter + " " + cell(level(stream.rms_dbfs), 6, true) + " " +
         cell(level(stream.peak_dbfs), 6, true) + " " + cell(fixed_number(stream.seconds, 1), 9, true) + " " +
         cell(std::to_string(stream.subscribers), 7, true) + " " + cell(std::to_string(stream.lag_frames), 6, true) +
         " " + cell(fixed_number(stream.gap_s, 2), 8, true) + " " + cell(rate, 6, true) + " " + cell(behind, 9, true) +
         "  " + cell(printable(stream.front_ends), 20) + " " + printable(stream.labels);
}

std::string subscription_heading() {
  return cell("PEER", 24) + " " + cell("STREAMS", 24) + " " + cell("COUNT", 6, true) + " " + cell("FRONT END", 16) +
         " " + cell("LAG", 8, true) + " " + cell("FRAMES/s", 9, true) + " " + cell("GAPS", 10, true) + " " +
         cell("GAPS/s", 7, true) + " " + cell("UNACKED", 7, true) + " " + cell("QUEUED", 9, true) + " " +
         cell("STALLED", 8, true);
}

std::string subscription_line(const TopSubscription& subscription) {
  const v1::SubscriptionInfo& info = subscription.info;
  const auto rate = [](const std::optional<double>& value) { return value ? fixed_number(*value, 0) : "-"; };
  const std::string unacked =
      info.has_unacknowledged_responses() ? std::to_string(info.unacknowledged_responses()) : "-";
  const std::string stalled = info.stalled_seconds() > 0 ? fixed_number(info.stalled_seconds(), 1) + " s" : "-";
  return cell(printable(info.peer()), 24) + " " + cell(printable(info.streams()), 24) + " " +
         cell(std::to_string(info.stream_count()), 6, true) + " " + cell(printable(info.front_end()), 16) + " " +
         cell(std::to_string(info.lag_frames()), 8, true) + " " + cell(rate(subscription.frames_per_s), 9, true) + " " +
         cell(std::to_string(info.gap_frames()), 10, true) + " " + cell(rate(subscription.gaps_per_s), 7, true) + " " +
         cell(unacked, 7, true) + " " + cell(std::to_string(info.queued_bytes()), 9, true) + " " +
         cell(stalled, 8, true);
}

std::string last_line(const TopChoice& choice) {
  if (!choice.note.empty()) return choice.note;
  if (choice.subscribers) return "q quit  Tab streams  Up/Down PgUp/PgDn scroll";
  return std::string("q quit  Tab readers  sort: n name v level s readers a lag g lost t lost/s b behind (") +
         top_order_name(choice.order) + (choice.reversed ? ", reversed" : "") + ")  r reverse  / labels" +
         (choice.labels.empty() ? "" : " [" + printable(choice.labels) + "]");
}

}  // namespace

TopPage draw_top(const TopModel& model, const TopChoice& choice, const std::string& server, int width, int height) {
  TopPage page;
  page.lines = head_lines(model, server);
  page.heading = page.lines.size() + 1;
  page.lines.emplace_back();
  page.lines.push_back(choice.subscribers ? subscription_heading() : stream_heading());
  const std::size_t n_other = page.lines.size() + (choice.keys ? 1 : 0);
  const auto given = static_cast<std::size_t>(std::max(height, 0));
  const std::size_t room =
      height == 0 ? std::numeric_limits<std::size_t>::max() / 2 : (given > n_other ? given - n_other : 0);
  if (choice.subscribers) {
    const auto& all = model.subscriptions();
    page.n_rows = all.size();
    for (std::size_t i = choice.skip; i < all.size() && i - choice.skip < room; ++i) {
      page.lines.push_back(subscription_line(all[i]));
    }
    if (!model.subscriptions_error().empty() && room > 0) page.lines.push_back(printable(model.subscriptions_error()));
  } else {
    page.n_rows = model.n_streams();
    for (const TopStream* stream : model.streams(choice.order, choice.reversed, choice.skip, room)) {
      page.lines.push_back(stream_line(*stream));
    }
    if (page.n_rows == 0 && room > 0) {
      page.lines.emplace_back(choice.labels.empty() ? "no streams" : "no stream has these labels");
    }
  }
  if (choice.keys) {
    // At the bottom, wherever the list ends.
    if (height > 0) page.lines.resize(std::max(page.lines.size(), given - 1));
    page.lines.push_back(last_line(choice));
  }
  if (height > 0 && page.lines.size() > given) page.lines.resize(given);
  for (std::string& line : page.lines) {
    if (line.size() > static_cast<std::size_t>(width)) line.resize(static_cast<std::size_t>(width));
    line.erase(line.find_last_not_of(' ') + 1);
  }
  return page;
}

namespace {

std::string stream_object(const TopStream& stream) {
  const auto optional = [](const std::optional<double>& value) { return value ? json_number(*value) : "null"; };
  JsonObject json;
  json.add("stream", stream.id).add("state", stream.ended ? "ended" : "live").add("labels", stream.labels);
  json.add("seconds", stream.seconds).add("rms_dbfs", stream.rms_dbfs).add("peak_dbfs", stream.peak_dbfs);
  json.add("front_ends", stream.front_ends).add("subscribers", std::int64_t{stream.subscribers});
  json.add("lag_frames", stream.lag_frames).add("lost_seconds", stream.gap_s);
  json.add_json("lost_seconds_per_second", optional(stream.gap_per_s));
  return json.add_json("behind_ms", optional(stream.behind_ms)).text();
}

std::string subscription_object(const TopSubscription& subscription) {
  const v1::SubscriptionInfo& info = subscription.info;
  const auto optional = [](const std::optional<double>& value) { return value ? json_number(*value) : "null"; };
  JsonObject json;
  json.add("peer", info.peer()).add("streams", info.streams()).add("front_end", info.front_end());
  json.add("stream_count", std::int64_t{info.stream_count()}).add("lag_frames", std::int64_t{info.lag_frames()});
  json.add_json("frames_per_second", optional(subscription.frames_per_s));
  json.add("gap_frames", std::int64_t{info.gap_frames()});
  json.add_json("gap_frames_per_second", optional(subscription.gaps_per_s));
  return json.add("queued_bytes", std::int64_t{info.queued_bytes()})
      .add("stalled_seconds", info.stalled_seconds())
      .text();
}

std::string server_object(const TopModel& model, const std::string& server) {
  const v1::GetServerInfoResponse& info = model.info();
  JsonObject json;
  json.add("server", server).add("version", info.version()).add("draining", info.draining());
  json.add("backend", info.engine().backend()).add("target", info.engine().target());
  json.add("stream_count", std::int64_t{info.stream_count()}).add("max_streams", std::int64_t{info.max_streams()});
  json.add("streams_shed", std::int64_t{info.streams_shed()});
  json.add("subscription_count", std::int64_t{info.subscription_count()});
  json.add("resident_bytes", std::int64_t{info.load().resident_bytes()});
  json.add("queued_bytes", std::int64_t{info.queued_bytes()});
  json.add("memory_bytes", std::int64_t{info.memory_bytes()});
  json.add("memory_limit_bytes", std::int64_t{info.memory_limit_bytes()});
  json.add("overload_state", std::int64_t{info.overload_state()});
  json.add("frames_gapped", std::int64_t{info.load().frames_gapped()});
  if (!model.rates()) return json.text();
  const TopRates& rates = *model.rates();
  json.add("tick_share", rates.tick_share).add("engine_share", rates.engine_share).add("cpu_share", rates.cpu_share);
  json.add("frames_per_second", rates.frames_per_s).add("frames_per_tick", rates.frames_per_tick);
  json.add("late_ticks_per_second", rates.late_ticks_per_s).add("delivered_per_second", rates.delivered_per_s);
  return json.add("gapped_per_second", rates.gapped_per_s).text();
}

}  // namespace

std::string top_json(const TopModel& model, const TopChoice& choice, const std::string& server) {
  std::vector<std::string> streams;
  streams.reserve(model.n_streams());
  for (const TopStream* stream : model.streams(choice.order, choice.reversed, 0, model.n_streams())) {
    streams.push_back(stream_object(*stream));
  }
  std::vector<std::string> subscriptions;
  subscriptions.reserve(model.subscriptions().size());
  for (const TopSubscription& subscription : model.subscriptions()) {
    subscriptions.push_back(subscription_object(subscription));
  }
  JsonObject json;
  json.add_json("server", server_object(model, server)).add_json("streams", json_array(streams));
  return json.add_json("subscriptions", json_array(subscriptions)).text();
}

}  // namespace melstream::client
