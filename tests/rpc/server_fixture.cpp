#include "tests/rpc/server_fixture.hpp"

#include <cstring>
#include <filesystem>
#include <random>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/audio/ingest.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

namespace melstream::test {
namespace {

constexpr std::int64_t kTickNs = 1'000'000;

std::string make_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "melstream-rpc-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder for the socket");
  return folder;
}

}  // namespace

void set_deadline(grpc::ClientContext& context, std::chrono::milliseconds deadline) {
  context.set_deadline(std::chrono::system_clock::now() + deadline);
}

std::vector<std::int16_t> pcm_noise(std::size_t n_samples, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::int16_t> samples(n_samples);
  for (std::int16_t& sample : samples) sample = static_cast<std::int16_t>(static_cast<int>(random() % 20001) - 10000);
  return samples;
}

std::string as_bytes(const std::vector<std::int16_t>& samples) {
  return {reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof(std::int16_t)};
}

std::vector<float> as_floats(const std::vector<std::int16_t>& samples) {
  std::vector<float> floats;
  for (const std::int16_t sample : samples) floats.push_back(static_cast<float>(sample) / 32768.0F);
  return floats;
}

v1::AudioConfig audio_config(const std::string& stream, v1::Pacing pacing) {
  v1::AudioConfig config;
  config.set_stream(stream);
  config.set_encoding(v1::AUDIO_ENCODING_LINEAR16);
  config.set_sample_rate_hertz(16000);
  config.set_audio_channel_count(1);
  config.set_pacing(pacing);
  return config;
}

v1::SubscribeConfig subscribe_config(const std::string& stream) {
  v1::SubscribeConfig config;
  config.set_stream(stream);
  config.mutable_features()->set_front_end("whisper-80");
  return config;
}

Publisher::Publisher(v1::AudioService::Stub& stub) {
  set_deadline(context_);
  stream_ = stub.StreamAudio(&context_);
}

bool Publisher::send(const v1::AudioConfig& config) {
  v1::StreamAudioRequest request;
  *request.mutable_config() = config;
  return send(request);
}

bool Publisher::send(const std::string& content, std::int64_t capture_time_ns) {
  v1::StreamAudioRequest request;
  request.mutable_audio()->set_content(content);
  request.mutable_audio()->set_capture_time_ns(capture_time_ns);
  return send(request);
}

v1::StreamStarted Publisher::open(const v1::AudioConfig& config) {
  v1::StreamAudioResponse response;
  EXPECT_TRUE(send(config));
  EXPECT_TRUE(receive(response));
  EXPECT_TRUE(response.has_started());
  return response.started();
}

grpc::Status Publisher::finish(v1::StreamEnded* ended) {
  v1::StreamAudioResponse response;
  while (receive(response)) {
    if (response.has_ended() && ended != nullptr) *ended = response.ended();
  }
  return stream_->Finish();
}

void Reading::take(const v1::SubscribeResponse& response) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      start = response.start();
      break;
    case v1::SubscribeResponse::kBlock:
      blocks.push_back(response.block());
      break;
    case v1::SubscribeResponse::kGap:
      gaps.push_back(response.gap());
      break;
    case v1::SubscribeResponse::kDiscontinuity:
      discontinuities.push_back(response.discontinuity());
      break;
    case v1::SubscribeResponse::kHeartbeat:
      ++n_heartbeats;
      break;
    case v1::SubscribeResponse::kEnd:
      end = response.end();
      has_end = true;
      break;
    case v1::SubscribeResponse::kBatch:
      for (const v1::SubscribeResponse& one : response.batch().responses()) take(one);
      break;
    case v1::SubscribeResponse::kFailure:
      failures.push_back(response.failure());
      break;
    case v1::SubscribeResponse::RESPONSE_NOT_SET:
      ADD_FAILURE() << "an empty response";
  }
}

std::vector<float> Reading::values() const {
  std::vector<float> all;
  for (const v1::FeatureBlock& block : blocks) {
    const std::size_t before = all.size();
    all.resize(before + block.values().size() / sizeof(float));
    std::memcpy(all.data() + before, block.values().data(), block.values().size());
  }
  return all;
}

std::int64_t Reading::n_frames() const {
  std::int64_t n = 0;
  for (const v1::FeatureBlock& block : blocks) n += block.frame_count();
  return n;
}

Subscriber::Subscriber(v1::FeatureService::Stub& stub) {
  set_deadline(context_);
  stream_ = stub.Subscribe(&context_);
}

Subscriber::Subscriber(v1::FeatureService::Stub& stub, const v1::SubscribeConfig& config) : Subscriber(stub) {
  v1::SubscribeRequest request;
  *request.mutable_config() = config;
  EXPECT_TRUE(send(request));
}

bool Subscriber::receive_until(v1::SubscribeResponse::ResponseCase kind, v1::SubscribeResponse& response) {
  while (receive(response)) {
    if (response.response_case() == kind) return true;
  }
  return false;
}

grpc::Status Subscriber::finish(Reading* reading) {
  v1::SubscribeResponse response;
  while (receive(response)) {
    if (reading != nullptr) reading->take(response);
  }
  return stream_->Finish();
}

ServerTest::ServerTest(FixtureOptions options)
    : folder_(make_folder()), socket_path_(folder_ + "/s.sock"), engine_(engine::cpu::make_engine({})) {
  engine_status_.info = engine_.info;
  registry_ = std::make_unique<pipeline::Registry>(options.registry, arena_, clock_, *engine_.engine, catalog_);
  windows_ = std::make_unique<pipeline::WindowReader>(engine::cpu::make_engine({}), engine::Limits{});
  loop_ = std::make_unique<pipeline::TickLoop>(*registry_, *engine_.engine,
                                               pipeline::TickOptions{.period_ns = kTickNs, .limits = {}});
  options.server.listeners.push_back({.kind = rpc::ListenerSpec::Kind::kUnix, .address = socket_path_});
  if (!options.make_ingest) options.make_ingest = audio::make_ingest_factory(clock_);
  if (options.server.build.empty()) options.server.build = "0.0.0 test";
  server_ = std::make_unique<rpc::Server>(
      options.server, rpc::ServerParts{.registry = *registry_,
                                       .windows = *windows_,
                                       .make_ingest = options.make_ingest,
                                       .resampler_delay_ns = [](int rate) { return rate == 16000 ? 0 : 15'000'000; },
                                       .engine =
                                           [this] {
                                             const std::lock_guard lock(engine_status_mutex_);
                                             return engine_status_;
                                           },
                                       .window_engine = engine_.info,
                                       .poke = [this] { tick_->poke(); },
                                       .sources = options.sources});
  tick_ = std::make_unique<pipeline::TickThread>(
      *loop_, clock_, kTickNs, registry_->counters(), [this] { server_->on_tick(); },
      [](const std::exception_ptr& error) { std::rethrow_exception(error); });
  const auto channel = connect();
  audio_stub_ = v1::AudioService::NewStub(channel);
  feature_stub_ = v1::FeatureService::NewStub(channel);
  admin_stub_ = v1::AdminService::NewStub(channel);
}

ServerTest::~ServerTest() {
  server_->drain(std::chrono::milliseconds(0));
  tick_.reset();
  server_.reset();
  std::filesystem::remove_all(folder_);
}

std::shared_ptr<grpc::Channel> ServerTest::connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(8 << 20);
  return grpc::CreateCustomChannel("unix:" + socket_path_, grpc::InsecureChannelCredentials(), arguments);
}

void ServerTest::set_engine_status(rpc::EngineStatus status) {
  const std::lock_guard lock(engine_status_mutex_);
  engine_status_ = std::move(status);
}

std::vector<float> ServerTest::offline(const std::vector<float>& samples, const std::string& front_end,
                                       engine::Smoothing smoothing) {
  const engine::EngineInstance own = engine::cpu::make_engine({});
  const auto prepared = own.engine->prepare(catalog_.find(front_end), smoothing);
  const auto n_samples = static_cast<std::int64_t>(samples.size());
  const auto n_rows = static_cast<std::size_t>(engine::row_count(prepared->front_end().rows(smoothing), n_samples));
  std::vector<float> rows(n_rows * static_cast<std::size_t>(prepared->front_end().n_bins(smoothing)));
  std::vector<float> maxima(n_rows);
  const engine::Lane lane{.prepared = prepared.get(),
                          .first_row = 0,
                          .n_rows = static_cast<std::int32_t>(n_rows),
                          .segment_samples = n_samples,
                          .samples_begin = 0,
                          .samples = {std::span<const float>(samples), std::span<const float>()}};
  const engine::Ticket ticket = own.engine->submit({.lanes = {&lane, 1}, .rows = rows, .maxima = maxima});
  EXPECT_TRUE(own.engine->poll(ticket, std::chrono::seconds(10)));
  return rows;
}

grpc::Status ServerTest::get_window(const v1::GetWindowRequest& request, v1::GetWindowResponse& response,
                                    std::chrono::milliseconds deadline) {
  grpc::ClientContext context;
  set_deadline(context, deadline);
  return features().GetWindow(&context, request, &response);
}

void ServerTest::wait_until_ended(const std::string& stream) {
  grpc::ClientContext context;
  set_deadline(context);
  const auto watch = features().WatchStreams(&context, {});
  v1::WatchStreamsResponse response;
  while (watch->Read(&response)) {
    if (response.stream().stream() == stream && response.stream().state() == v1::STREAM_STATE_ENDED) {
      context.TryCancel();
    }
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED) << "it has not ended";
}

}  // namespace melstream::test
