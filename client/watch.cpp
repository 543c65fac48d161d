// melstream watch: a line for each stream that is there, that comes, ends or is forgotten.
#include <cstdint>
#include <cstdio>

#include "client/commands.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/response_streams.hpp"
#include "client/stream_text.hpp"

namespace melstream::client {
namespace {

std::string watch_json(const v1::StreamInfo& info) {
  // Of one that is forgotten nothing else is known.
  if (info.state() != v1::STREAM_STATE_FORGOTTEN) return stream_json(info);
  JsonObject json;
  json.add("stream", info.stream()).add("epoch", std::to_string(info.epoch())).add("state", state_name(info.state()));
  return json.text();
}

std::string watch_text(const v1::StreamInfo& info) {
  std::string text = state_name(info.state());
  text.resize(10, ' ');
  text += info.stream();
  for (const auto& [key, value] : info.labels()) text.append(" ").append(key).append("=").append(value);
  return text;
}

}  // namespace

ExitCode run_watch(const StreamsOptions& options) {
  Interrupt interrupt;
  const Connection connection(options.common.server);
  v1::WatchStreamsRequest request;
  if (options.has_labels) request.mutable_streams()->set_labels(options.labels);
  WatchStream stream(connection, request, 0);
  const InterruptAction cancel(&interrupt, [&] { stream.cancel(); });
  v1::WatchStreamsResponse response;
  while (stream.next(response)) {
    const v1::StreamInfo& info = response.stream();
    std::printf("%s\n", (options.common.json ? watch_json(info) : watch_text(info)).c_str());
    std::fflush(stdout);
  }
  return ExitCode::kOk;
}

}  // namespace melstream::client
