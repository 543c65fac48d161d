#include "client/recording/play_server.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>
#include <tuple>

#include <poll.h>
#include <sys/stat.h>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/feature_service.grpc.pb.h"

#include "client/feature_names.hpp"
#include "client/private_daemon.hpp"
#include "client/recording/recording_file.hpp"
#include "client/server_address.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

using Responses = grpc::ServerReaderWriter<v1::SubscribeResponse, v1::SubscribeRequest>;

/// What a recording is about: read once, before anybody asks.
struct Contents {
  std::map<std::string, v1::StreamInfo> streams;
  v1::EngineInfo engine;    ///< that computed it
  std::string spec_sha256;  ///< of the front end, with CMVN
  bool complete = false;
};

Contents contents_of(const std::string& path) {
  Contents contents;
  RecordingReader reader(path);
  v1::RecordingEntry entry;
  while (reader.next(entry)) {
    if (!entry.response().has_start()) continue;
    const v1::SubscriptionStart& start = entry.response().start();
    v1::StreamInfo& info = contents.streams[start.stream()];
    info.set_stream(start.stream());
    info.set_epoch(start.epoch());
    info.set_state(v1::STREAM_STATE_LIVE);
    info.set_opened_time_ns(reader.header().begin_time_ns() + entry.after_ns());
    contents.engine = start.engine();
    contents.spec_sha256 = start.spec_sha256();
  }
  contents.complete = reader.complete();
  return contents;
}

grpc::Status only_features() {
  return {grpc::StatusCode::UNIMPLEMENTED,
          "this is a recording, served by 'melstream play': it has features to subscribe to, and no audio"};
}

class PlayService final : public v1::FeatureService::Service {
 public:
  PlayService(const PlayOptions& options, v1::RecordingHeader header)
      : options_(options), header_(std::move(header)), contents_(contents_of(options.path)) {}

  bool complete() const noexcept { return contents_.complete; }

  grpc::Status Subscribe(grpc::ServerContext* context, Responses* call) override {
    v1::SubscribeRequest request;
    if (!call->Read(&request) || !request.has_config()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "the first request must be the config"};
    }
    const v1::SubscribeConfig& config = request.config();
    grpc::Status refusal = refuse(config);
    if (!refusal.ok()) return refusal;
    try {
      return play(config, *context, *call);
    } catch (const ClientError& error) {
      return {grpc::StatusCode::DATA_LOSS, error.what()};
    }
  }

  grpc::Status ListStreams(grpc::ServerContext* /*context*/, const v1::ListStreamsRequest* /*request*/,
                           v1::ListStreamsResponse* response) override {
    for (const auto& [id, info] : contents_.streams) *response->add_streams() = info;
    return grpc::Status::OK;
  }

  grpc::Status ListFrontEnds(grpc::ServerContext* /*context*/, const v1::ListFrontEndsRequest* /*request*/,
                             v1::ListFrontEndsResponse* response) override {
    *response->add_front_ends() = header_.front_end();
    return grpc::Status::OK;
  }

  grpc::Status GetServerInfo(grpc::ServerContext* /*context*/, const v1::GetServerInfoRequest* /*request*/,
                             v1::GetServerInfoResponse* response) override {
    response->set_version("recording " + options_.path + " of melstream " + header_.recorder());
    *response->mutable_engine() = contents_.engine;
    response->set_start_time_ns(header_.begin_time_ns());
    response->set_stream_count(static_cast<std::int32_t>(contents_.streams.size()));
    return grpc::Status::OK;
  }

  grpc::Status GetWindow(grpc::ServerContext* /*context*/, const v1::GetWindowRequest* /*request*/,
                         v1::GetWindowResponse* /*response*/) override {
    return only_features();
  }
  grpc::Status GetWindows(grpc::ServerContext* /*context*/, const v1::GetWindowsRequest* /*request*/,
                          grpc::ServerWriter<v1::GetWindowsResponse>* /*writer*/) override {
    return only_features();
  }
  grpc::Status WatchStreams(grpc::ServerContext* /*context*/, const v1::WatchStreamsRequest* /*request*/,
                            grpc::ServerWriter<v1::WatchStreamsResponse>* /*writer*/) override {
    return only_features();
  }

 private:
  grpc::Status refuse(const v1::SubscribeConfig& config) const {
    const v1::FeatureRequest& has = header_.features();
    const v1::FeatureRequest& wants = config.features();
    if (!config.has_streams() && contents_.streams.count(config.stream()) == 0) {
      std::string ids;
      for (const auto& [id, info] : contents_.streams) ids += (ids.empty() ? "" : ", ") + id;
      return {grpc::StatusCode::NOT_FOUND, "the recording has no stream '" + config.stream() + "'; it has " + ids};
    }
    if (wants.front_end() != has.front_end() || wants.cmvn().SerializeAsString() != has.cmvn().SerializeAsString() ||
        (!wants.spec_sha256().empty() && wants.spec_sha256() != contents_.spec_sha256)) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "the recording is of " + header_.front_end().name() + (has.has_cmvn() ? " with CMVN" : "") + ", sha256 " +
                  contents_.spec_sha256 + "; it holds features, not audio, so no other can be had"};
    }
    if (form_of(wants) != form_of(has)) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              std::string("ask for what was recorded: smoothing ") + smoothing_name(has.smoothing()) +
                  ", normalization " + normalization_name(has.normalization()) + ", elements " +
                  (has.element_type() == v1::ELEMENT_TYPE_FLOAT16 ? "f16" : "f32") + ", time-major"};
    }
    return grpc::Status::OK;
  }

  grpc::Status play(const v1::SubscribeConfig& config, grpc::ServerContext& context, Responses& call) const {
    RecordingReader reader(options_.path);
    const auto begin = std::chrono::steady_clock::now();
    v1::RecordingEntry entry;
    while (reader.next(entry)) {
      const bool is_heartbeat = entry.response().has_heartbeat();
      if (!config.has_streams() && !is_heartbeat && stream_of(entry.response()) != config.stream()) continue;
      if (options_.pace == "realtime" && !wait(begin + std::chrono::nanoseconds(entry.after_ns()), context)) break;
      v1::SubscribeResponse response;
      if (config.has_streams() && !is_heartbeat) {
        *response.mutable_batch()->add_responses() = entry.response();
      } else {
        response = entry.response();
      }
      if (!call.Write(response)) break;
    }
    if (context.IsCancelled() || reader.complete()) return grpc::Status::OK;
    return {grpc::StatusCode::DATA_LOSS, "the recording has no end: it was cut off here"};
  }

  /// What decides the numbers besides the front end. Not set is the first of each.
  static std::tuple<int, int, float, int, int> form_of(const v1::FeatureRequest& features) {
    const auto or_first = [](int value) { return std::max(value, 1); };
    return {or_first(features.smoothing()), or_first(features.normalization()), features.fixed_max(),
            or_first(features.element_type()), or_first(features.layout())};
  }

  /// False if the client has gone.
  static bool wait(std::chrono::steady_clock::time_point when, const grpc::ServerContext& context) {
    constexpr std::chrono::milliseconds kLook{100};
    while (!context.IsCancelled()) {
      const auto left = when - std::chrono::steady_clock::now();
      if (left <= left.zero()) return true;
      std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(left, kLook));
    }
    return false;
  }

  const PlayOptions& options_;
  const v1::RecordingHeader header_;
  const Contents contents_;
};

}  // namespace

namespace {

/// gRPC would put its socket in place of any.
void refuse_taken(const std::string& path, const std::string& listen) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) {
    throw ClientError(ExitCode::kUsage, "--listen '" + listen + "': is there already, and no socket; use another path");
  }
  if (is_listening(path)) {
    throw ClientError(ExitCode::kUnavailable, "--listen '" + listen + "': somebody listens there, a daemon perhaps");
  }
}

}  // namespace

ExitCode serve_recording(const PlayOptions& options, const v1::RecordingHeader& header, Interrupt& interrupt) {
  const ServerAddress address = parse_server_address(options.listen);
  if (address.is_tls || !address.is_local()) {
    throw ClientError(ExitCode::kUsage, "--listen '" + options.listen +
                                            "': a recording is served on this machine only: use unix:PATH or "
                                            "127.0.0.1:PORT");
  }
  if (address.is_unix) refuse_taken(address.path, options.listen);
  PlayService service(options, header);
  if (!service.complete()) {
    std::fprintf(stderr, "melstream: warning: the recording has no end: it was cut off, and who subscribes is told\n");
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address.grpc_target(), grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || (!address.is_unix && port == 0)) {
    throw ClientError(ExitCode::kUnavailable, "cannot listen on " + options.listen + ": is it in use?");
  }
  const std::string where = address.is_unix ? options.listen : address.host + ":" + std::to_string(port);
  std::printf("listening on %s; try: melstream subscribe --all --front-end %s --server %s\n", where.c_str(),
              header.front_end().name().c_str(), where.c_str());
  std::fflush(stdout);
  pollfd stop{interrupt.fd(), POLLIN, 0};
  while (!interrupt.requested()) poll(&stop, 1, -1);
  server->Shutdown(std::chrono::system_clock::now());
  return ExitCode::kOk;
}

}  // namespace melstream::client
