// melstream push: publishes a stream from a file or from raw samples on stdin.
#include <cstdio>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/extraction.hpp"
#include "client/feature_names.hpp"
#include "client/input_options.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/labels.hpp"
#include "client/number_text.hpp"
#include "client/progress_line.hpp"
#include "client/publisher.hpp"
#include "client/send_input.hpp"

namespace melstream::client {
namespace {

v1::Conceal parse_conceal(const std::string& text) {
  if (text == "none") return v1::CONCEAL_NONE;
  if (text == "zero") return v1::CONCEAL_ZERO;
  if (text == "hold") return v1::CONCEAL_HOLD;
  throw ClientError(ExitCode::kUsage, "--conceal '" + text + "': use none, zero or hold");
}

bool is_realtime(const std::string& pace) {
  if (pace != "realtime" && pace != "fast") {
    throw ClientError(ExitCode::kUsage, "--pace '" + pace + "': use realtime or fast");
  }
  return pace == "realtime";
}

std::string progress_text(const v1::StreamProgress& progress) {
  std::string text = fixed_number(static_cast<double>(progress.timeline_samples()) / 16000.0, 1) + " s accepted";
  if (progress.dropped_samples() > 0) text += ", " + std::to_string(progress.dropped_samples()) + " samples dropped";
  if (progress.concealed_samples() > 0) text += " (" + std::to_string(progress.concealed_samples()) + " made up)";
  if (progress.nonfinite_samples() > 0) text += ", " + std::to_string(progress.nonfinite_samples()) + " not finite";
  return text;
}

std::string streams_json(const v1::StreamStarted& started) {
  std::vector<std::string> streams;
  for (const auto& stream : started.streams()) {
    JsonObject one;
    one.add("stream", stream.stream()).add("epoch", std::to_string(stream.epoch()));
    streams.push_back(one.text());
  }
  return json_array(streams);
}

std::string losses_json(const v1::StreamProgress& totals) {
  JsonObject losses;
  for (const auto& loss : totals.losses()) losses.add(gap_reason_name(loss.reason()), std::int64_t{loss.samples()});
  return losses.text();
}

void report(const PushOptions& options, const v1::StreamStarted& started, const v1::StreamEnded& ended) {
  const v1::StreamProgress& totals = ended.totals();
  const std::uint64_t epoch = started.streams().empty() ? 0 : started.streams(0).epoch();
  if (!options.common.json) {
    std::printf("stream %s ended (%s): %s, %lld of %lld samples, gaps %lld samples\n", options.stream.c_str(),
                end_reason_name(ended.reason()).c_str(), progress_text(totals).c_str(),
                static_cast<long long>(totals.accepted_samples()), static_cast<long long>(totals.offered_samples()),
                static_cast<long long>(totals.gap_samples()));
    return;
  }
  JsonObject json;
  json.add("stream", options.stream).add("epoch", std::to_string(epoch)).add("reason", end_reason_name(ended.reason()));
  json.add_json("streams", streams_json(started));
  json.add("offered_samples", std::int64_t{totals.offered_samples()});
  json.add("accepted_samples", std::int64_t{totals.accepted_samples()});
  json.add("dropped_samples", std::int64_t{totals.dropped_samples()});
  json.add("concealed_samples", std::int64_t{totals.concealed_samples()});
  json.add("suppressed_samples", std::int64_t{totals.suppressed_samples()});
  json.add("nonfinite_samples", std::int64_t{totals.nonfinite_samples()});
  json.add("timeline_samples", std::int64_t{totals.timeline_samples()});
  json.add("gap_samples", std::int64_t{totals.gap_samples()});
  json.add_json("losses", losses_json(totals));
  std::printf("%s\n", json.text().c_str());
}

v1::AudioConfig make_config(const PushOptions& options, const AudioFormat& format, bool realtime) {
  const bool split = options.input.channel == "split";
  v1::AudioConfig config =
      audio_config(options.stream, format, split ? std::nullopt : parse_channel(options.input, format),
                   realtime ? v1::PACING_LIVE : v1::PACING_FAST);
  if (split) config.set_channel_mode(v1::CHANNEL_MODE_SPLIT);
  add_labels(options.labels, *config.mutable_labels());
  config.set_takeover(options.takeover);
  config.set_conceal(parse_conceal(options.conceal));
  return config;
}

}  // namespace

ExitCode run_push(const PushOptions& given) {
  PushOptions options = given;
  if (options.stream.empty()) options.stream = unique_stream_id("push");
  Interrupt interrupt;
  const bool realtime = is_realtime(options.pace);
  const auto input = open_input(options.input, interrupt.fd());
  v1::AudioConfig config = make_config(options, input->format(), realtime);
  const std::int64_t n_chunk = chunk_samples(options.input, input->format());
  const Connection connection(options.common.server);
  try {
    Publisher publisher(connection, config);
    const v1::StreamStarted started = publisher.started();
    if (!options.common.json) std::fprintf(stderr, "melstream: publishing stream %s\n", options.stream.c_str());
    v1::StreamEnded ended;
    {
      ProgressLine progress("push " + options.stream);
      try {
        send_input(publisher, *input, n_chunk, realtime, interrupt,
                   [&] { progress.show(progress_text(publisher.progress())); });
      } catch (const ClientError&) {
        // What was whole has been sent: end the stream as at the end of the input, then say what was wrong with it.
        publisher.finish();
        throw;
      }
      ended = publisher.finish();
    }
    report(options, started, ended);
    return ended.reason() == v1::END_REASON_COMPLETED ? ExitCode::kOk : ExitCode::kFailure;
  } catch (const CallError& error) {
    if (!error.already_exists() || options.takeover) throw;
    throw ClientError(error.code(), std::string(error.what()) + "; --takeover replaces its publisher");
  }
}

}  // namespace melstream::client
