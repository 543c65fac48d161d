// A real server on a unix socket of a folder of its own, over the real pipeline, CPU engine and ingest, with a tick
// thread of 1 ms; and clients of it. Nothing sleeps: clients wait for responses, each call has a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/tick_loop.hpp"
#include "melstream/pipeline/tick_thread.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/server.hpp"
#include "melstream/v1/admin_service.grpc.pb.h"
#include "melstream/v1/audio_service.grpc.pb.h"
#include "melstream/v1/feature_service.grpc.pb.h"

namespace melstream::test {

/// Long against any test, short against a hung one.
inline constexpr std::chrono::seconds kCallDeadline{20};

/// Noise, the same for a seed.
std::vector<std::int16_t> pcm_noise(std::size_t n_samples, std::uint32_t seed);
std::string as_bytes(const std::vector<std::int16_t>& samples);
/// As the daemon hears them.
std::vector<float> as_floats(const std::vector<std::int16_t>& samples);
/// 16 kHz LINEAR16 mono.
v1::AudioConfig audio_config(const std::string& stream, v1::Pacing pacing = v1::PACING_LIVE);
/// whisper-80 without options.
v1::SubscribeConfig subscribe_config(const std::string& stream);

/// One call of StreamAudio.
class Publisher {
 public:
  explicit Publisher(v1::AudioService::Stub& stub);
  bool send(const v1::AudioConfig& config);
  bool send(const std::string& content, std::int64_t capture_time_ns = 0);
  bool send(const v1::StreamAudioRequest& request) { return stream_->Write(request); }
  /// The next response.
  bool receive(v1::StreamAudioResponse& response) { return stream_->Read(&response); }
  /// Sends the config and expects Started.
  v1::StreamStarted open(const v1::AudioConfig& config);
  /// Reads to the end of the call. @param ended takes Ended if it came.
  grpc::Status finish(v1::StreamEnded* ended = nullptr);
  void half_close() { stream_->WritesDone(); }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>> stream_;
};

/// What one subscription brought.
struct Reading {
  v1::SubscriptionStart start;
  std::vector<v1::FeatureBlock> blocks;
  std::vector<v1::Gap> gaps;
  std::vector<v1::Discontinuity> discontinuities;
  std::vector<v1::SubscribeFailure> failures;
  int n_heartbeats = 0;
  v1::End end;
  bool has_end = false;

  void take(const v1::SubscribeResponse& response);
  /// All float32 values in order.
  std::vector<float> values() const;
  std::int64_t n_frames() const;
};

/// One call of Subscribe.
class Subscriber {
 public:
  Subscriber(v1::FeatureService::Stub& stub, const v1::SubscribeConfig& config);
  explicit Subscriber(v1::FeatureService::Stub& stub);
  bool send(const v1::SubscribeRequest& request) { return stream_->Write(request); }
  void half_close() { stream_->WritesDone(); }
  bool receive(v1::SubscribeResponse& response) { return stream_->Read(&response); }
  /// Reads up to a response of this kind; false if the call ended before.
  bool receive_until(v1::SubscribeResponse::ResponseCase kind, v1::SubscribeResponse& response);
  /// Reads to the end of the call.
  grpc::Status finish(Reading* reading = nullptr);
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>> stream_;
};

struct FixtureOptions {
  pipeline::RegistryOptions registry{.max_streams = 32, .audio_history_s = 40.0, .always = {}};
  rpc::ServerOptions server;
  core::PcmIngestFactory make_ingest;  ///< empty: the real one
  core::SourceControl* sources = nullptr;
};

class ServerTest : public ::testing::Test {
 public:
  ~ServerTest() override;

 protected:
  explicit ServerTest(FixtureOptions options = {});

  v1::AudioService::Stub& audio() { return *audio_stub_; }
  v1::FeatureService::Stub& features() { return *feature_stub_; }
  v1::AdminService::Stub& admin() { return *admin_stub_; }
  /// A connection of its own.
  std::shared_ptr<grpc::Channel> connect() const;
  const std::string& socket_path() const { return socket_path_; }
  pipeline::Registry& registry() { return *registry_; }
  rpc::Server& server() { return *server_; }
  /// Offline rows of a clip by an engine of its own.
  std::vector<float> offline(const std::vector<float>& samples, const std::string& front_end,
                             engine::Smoothing smoothing = engine::Smoothing::kNone);
  const engine::FrontEndCatalog& catalog() const { return catalog_; }
  /// What the server is told of its engine from now on; the rows stay those of the CPU engine.
  void set_engine_status(rpc::EngineStatus status);
  grpc::Status get_window(const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                          std::chrono::milliseconds deadline = kCallDeadline);
  /// Waits until the registry holds no live stream of this id.
  void wait_until_ended(const std::string& stream);

 private:
  std::string folder_;
  std::string socket_path_;
  core::SystemClock clock_;
  engine::FrontEndCatalog catalog_;
  core::HostArena arena_{{.max_bytes = std::size_t{128} << 20, .lock = false}};
  engine::EngineInstance engine_;
  std::mutex engine_status_mutex_;  // protects engine_status_
  rpc::EngineStatus engine_status_;
  std::unique_ptr<pipeline::Registry> registry_;
  std::unique_ptr<pipeline::WindowReader> windows_;
  std::unique_ptr<pipeline::TickLoop> loop_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<pipeline::TickThread> tick_;
  std::unique_ptr<v1::AudioService::Stub> audio_stub_;
  std::unique_ptr<v1::FeatureService::Stub> feature_stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_stub_;
};

/// Sets the deadline that every call of a test has.
void set_deadline(grpc::ClientContext& context, std::chrono::milliseconds deadline = kCallDeadline);

}  // namespace melstream::test
