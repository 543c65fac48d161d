// melstream privacy: where audio is now, for how long, and who reads its features.
#include <cstdio>
#include <string>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/json_object.hpp"
#include "client/number_text.hpp"
#include "client/stream_text.hpp"

namespace melstream::client {
namespace {

constexpr double kTimelineRateHz = 16000.0;

double seconds(std::int64_t samples) { return static_cast<double>(samples) / kTimelineRateHz; }

std::string seconds_text(double value) { return fixed_number(value, 1) + " s"; }

std::string mebibytes(std::int64_t n_bytes) {
  constexpr double kMebibyte = 1 << 20;
  return fixed_number(static_cast<double>(n_bytes) / kMebibyte, 1) + " MiB";
}

/// Of the stream, or of many, which may hold it: who reads labels or all cannot be told apart here.
bool reads(const v1::SubscriptionInfo& reader, const std::string& stream) {
  return stream.empty() || reader.streams() == stream || reader.streams().find(' ') != std::string::npos ||
         reader.streams() == "all";
}

std::vector<v1::SubscriptionInfo> readers_of(const v1::ListSubscriptionsResponse& all, const std::string& stream) {
  std::vector<v1::SubscriptionInfo> readers;
  for (const auto& reader : all.subscriptions()) {
    if (reads(reader, stream)) readers.push_back(reader);
  }
  return readers;
}

std::string stream_json(const v1::StreamPrivacy& stream) {
  JsonObject json;
  json.add("stream", stream.stream()).add("epoch", hex_epoch(stream.epoch())).add("state", state_name(stream.state()));
  json.add("ring_samples", std::int64_t{stream.ring_samples()});
  json.add("ring_limit_samples", std::int64_t{stream.ring_limit_samples()});
  json.add("history_samples", std::int64_t{stream.history_samples()});
  json.add("history_limit_samples", std::int64_t{stream.history_limit_samples()});
  std::vector<std::string> front_ends;
  for (const auto& name : stream.front_ends()) front_ends.push_back(json_string(name));
  json.add_json("front_ends", json_array(front_ends)).add("features_seconds", stream.features_seconds());
  json.add_json("forgotten_in_seconds",
                stream.has_forgotten_in_seconds() ? json_number(stream.forgotten_in_seconds()) : "null");
  json.add("subscriber_count", std::int64_t{stream.subscriber_count()});
  return json.text();
}

std::string reader_json(const v1::SubscriptionInfo& reader) {
  JsonObject json;
  json.add("peer", reader.peer()).add("streams", reader.streams()).add("front_end", reader.front_end());
  json.add("stream_count", std::int64_t{reader.stream_count()});
  json.add("delivered_frames", std::int64_t{reader.delivered_frames()});
  return json.text();
}

void print_json(const v1::GetPrivacyResponse& privacy, const std::vector<v1::SubscriptionInfo>& readers) {
  std::vector<std::string> streams;
  for (const auto& stream : privacy.streams()) streams.push_back(stream_json(stream));
  std::vector<std::string> reading;
  reading.reserve(readers.size());
  for (const auto& reader : readers) reading.push_back(reader_json(reader));
  const v1::AudioMemory& memory = privacy.memory();
  JsonObject json;
  json.add_json("streams", json_array(streams)).add_json("readers", json_array(reading));
  json.add("window_call_count", std::int64_t{privacy.window_call_count()});
  json.add("mapped_bytes", std::int64_t{memory.mapped_bytes()}).add("used_bytes", std::int64_t{memory.used_bytes()});
  json.add_json("locked_bytes", memory.has_locked_bytes() ? std::to_string(memory.locked_bytes()) : "null");
  json.add_json("undumped_bytes", memory.has_undumped_bytes() ? std::to_string(memory.undumped_bytes()) : "null");
  json.add("dumpable", privacy.dumpable());
  std::printf("%s\n", json.text().c_str());
}

void print_streams(const v1::GetPrivacyResponse& privacy) {
  if (privacy.streams().empty()) {
    std::puts("no streams: no audio is held, and no features");
    return;
  }
  std::printf("%-24s %-6s %20s %22s %10s %7s  %s\n", "STREAM", "STATE", "AUDIO IN RING", "AUDIO IN HISTORY", "FEATURES",
              "READERS", "FRONT ENDS");
  for (const auto& stream : privacy.streams()) {
    const bool ended = stream.has_forgotten_in_seconds();
    const std::string ring = ended ? "wiped"
                                   : seconds_text(seconds(stream.ring_samples())) + " of " +
                                         seconds_text(seconds(stream.ring_limit_samples()));
    const std::string history = ended ? "wiped"
                                : stream.history_limit_samples() == 0
                                    ? "none"
                                    : seconds_text(seconds(stream.history_samples())) + " of " +
                                          seconds_text(seconds(stream.history_limit_samples()));
    const std::string features =
        seconds_text(ended ? stream.forgotten_in_seconds() : stream.features_seconds()) + (ended ? " yet" : "");
    std::string front_ends;
    for (const auto& name : stream.front_ends()) front_ends += (front_ends.empty() ? "" : " ") + name;
    std::printf("%-24s %-6s %20s %22s %10s %7d  %s\n", stream.stream().c_str(), state_name(stream.state()),
                ring.c_str(), history.c_str(), features.c_str(), stream.subscriber_count(),
                front_ends.empty() ? "none" : front_ends.c_str());
  }
}

void print_readers(const v1::GetPrivacyResponse& privacy, const std::vector<v1::SubscriptionInfo>& readers) {
  for (const auto& reader : readers) {
    std::printf("reader    %s reads %s of %s, %lld frames so far\n", reader.peer().c_str(), reader.front_end().c_str(),
                reader.streams().c_str(), static_cast<long long>(reader.delivered_frames()));
  }
  if (privacy.window_call_count() > 0) {
    std::printf("windows   %d calls read windows of streams now\n", privacy.window_call_count());
  }
}

/// "all 4.0 MiB", "2.0 MiB of 4.0 MiB", or that it is not known.
std::string share_text(bool known, std::int64_t part, std::int64_t whole) {
  if (!known) return "unknown, the kernel does not tell";
  return part >= whole ? "all " + mebibytes(whole) : "only " + mebibytes(part) + " of " + mebibytes(whole);
}

void print_memory(const v1::GetPrivacyResponse& privacy) {
  const v1::AudioMemory& memory = privacy.memory();
  std::printf("locked    %s of the memory for audio: what is locked is never swapped to disk\n",
              share_text(memory.has_locked_bytes(), memory.locked_bytes(), memory.mapped_bytes()).c_str());
  std::printf("dumps     %s of it is left out of core dumps; the process is %s by its own user\n",
              share_text(memory.has_undumped_bytes(), memory.undumped_bytes(), memory.mapped_bytes()).c_str(),
              privacy.dumpable() ? "open to dumps and tracing" : "closed to dumps and tracing");
  std::puts(
      "words     features are no audio, but they still contain the words that were spoken: whoever reads them can have "
      "them recognised, and speech can be made from them again, roughly. Treat readers as listeners.");
}

}  // namespace

ExitCode run_privacy(const PrivacyOptions& options) {
  const Connection connection(options.common.server);
  const v1::GetPrivacyResponse privacy = connection.privacy(options.stream);
  const auto readers = readers_of(connection.list_subscriptions(), options.stream);
  if (options.common.json) {
    print_json(privacy, readers);
    return ExitCode::kOk;
  }
  print_streams(privacy);
  print_readers(privacy, readers);
  print_memory(privacy);
  return ExitCode::kOk;
}

}  // namespace melstream::client
