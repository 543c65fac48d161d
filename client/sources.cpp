// melstream open, close and sources: what the daemon captures by itself.
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/json_object.hpp"
#include "client/labels.hpp"
#include "client/number_text.hpp"

namespace melstream::client {
namespace {

const char* state_name(v1::SourceState state) noexcept {
  switch (state) {
    case v1::SOURCE_STATE_IDLE:
      return "idle";
    case v1::SOURCE_STATE_WAITING:
      return "waiting";
    case v1::SOURCE_STATE_LIVE:
      return "live";
    case v1::SOURCE_STATE_ENDED:
      return "ended";
    default:
      return "unknown";
  }
}

/// A map of protobuf has no order.
template <typename Value>
std::map<std::string, Value> sorted(const google::protobuf::Map<std::string, Value>& map) {
  return {map.begin(), map.end()};
}

std::string source_json(const v1::SourceStatus& source) {
  JsonObject labels;
  for (const auto& [key, value] : sorted(source.spec().labels())) {
    labels.add(key, value);
  }
  JsonObject counters;
  for (const auto& [name, value] : sorted(source.counters())) {
    counters.add(name, std::int64_t{value});
  }
  std::vector<std::string> streams;
  for (const auto& stream : source.streams()) streams.push_back(json_string(stream));
  JsonObject json;
  json.add("id", source.spec().id()).add("uri", source.spec().uri()).add_json("labels", labels.text());
  json.add("state", state_name(source.state())).add("detail", source.detail());
  json.add_json("streams", json_array(streams)).add_json("counters", counters.text());
  json.add_json("drift_ppm", source.has_drift_ppm() ? json_number(source.drift_ppm()) : "null");
  return json.text();
}

/// "packets 1500, packets_late 3, drift +12.5 ppm": what is not 0.
std::string figures_of(const v1::SourceStatus& source) {
  std::string text;
  for (const auto& [name, value] : sorted(source.counters())) {
    if (value != 0) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(value);
  }
  if (source.has_drift_ppm()) {
    text += (text.empty() ? "drift " : ", drift ") + std::string(source.drift_ppm() < 0 ? "" : "+") +
            fixed_number(source.drift_ppm(), 1) + " ppm";
  }
  return text;
}

void print_row(const v1::SourceStatus& source) {
  std::printf("%-16s %-7s %7d  %-32s  %s\n", source.spec().id().c_str(), state_name(source.state()),
              source.streams_size(), source.spec().uri().c_str(), source.detail().c_str());
  const std::string figures = figures_of(source);
  if (!figures.empty()) std::printf("  %s\n", figures.c_str());
}

}  // namespace

ExitCode run_open(const OpenOptions& options) {
  v1::OpenSourceRequest request;
  request.mutable_spec()->set_id(options.stream);
  request.mutable_spec()->set_uri(options.uri);
  add_labels(options.labels, *request.mutable_spec()->mutable_labels());
  const v1::SourceStatus source = Connection(options.common.server).open_source(request).source();
  if (options.common.json) {
    std::printf("%s\n", source_json(source).c_str());
  } else {
    std::printf("source %s is %s%s%s\n", options.stream.c_str(), state_name(source.state()),
                source.detail().empty() ? "" : ": ", source.detail().c_str());
  }
  return ExitCode::kOk;
}

ExitCode run_close(const CloseOptions& options) {
  v1::CloseSourceRequest request;
  request.set_id(options.id);
  const Connection connection(options.common.server);
  try {
    connection.close_source(request);
  } catch (const CallError& error) {
    if (!error.not_found()) throw;
    throw ClientError(error.code(), std::string(error.what()) + "; 'melstream sources' lists those there are");
  }
  if (options.common.json) {
    std::printf("%s\n", JsonObject().add("closed", options.id).text().c_str());
  } else {
    std::printf("source %s is closed\n", options.id.c_str());
  }
  return ExitCode::kOk;
}

ExitCode run_sources(const CommonOptions& options) {
  const v1::ListSourcesResponse response = Connection(options.server).list_sources();
  if (options.json) {
    std::vector<std::string> sources;
    for (const auto& source : response.sources()) sources.push_back(source_json(source));
    std::printf("%s\n", json_array(sources).c_str());
    return ExitCode::kOk;
  }
  if (response.sources().empty()) {
    std::puts(
        "no sources; open one with 'melstream open mic:default --stream desk', or [[source]] in the daemon's config");
    return ExitCode::kOk;
  }
  std::printf("%-16s %-7s %7s  %-32s  %s\n", "ID", "STATE", "STREAMS", "URI", "DETAIL");
  for (const auto& source : response.sources()) print_row(source);
  return ExitCode::kOk;
}

}  // namespace melstream::client
