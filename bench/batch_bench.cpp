// What a chunk of live audio costs the server by gRPC: one call a stream, or all streams in one StreamAudioBatch.
//
//   batch_bench [STREAMS [SECONDS [CHUNK_MS]]]      standard: 100 10 20
//
// Server and load generator are processes of their own, each bound to one core where there are two. The server is the
// real one, with registry, ingest and a tick of 10 ms; nobody subscribes, so no frame is computed. Its processor time
// is that of all threads but "ms-tick", which takes the samples from the rings at the same cost however they came.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/v1/audio_service.grpc.pb.h"

#include "bench/support/child.hpp"
#include "bench/support/live_server.hpp"
#include "bench/support/processor_time.hpp"

namespace {

// Writer: any thread; reader: main. A count of its own.
std::atomic<std::int64_t> g_news{0};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

void* operator new(std::size_t size) {
  g_news.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace melstream::bench {
namespace {

constexpr int kRateHz = 16'000;
constexpr std::chrono::seconds kWarmUp{2};
constexpr char kBegin = 'b';
constexpr char kEnd = 'e';

enum class Way { kConnections, kCalls, kBatch };

struct Load {
  int n_streams = 100;
  int seconds = 10;
  int chunk_ms = 20;
};

/// Processor time of this process' threads, without ms-tick.
double cpu_us() {
  double us = 0;
  for (const auto& [name, seconds] : thread_seconds()) {
    if (name != "ms-tick") us += seconds * 1e6;
  }
  return us;
}

void serve(const Load& load, const std::string& socket_path, const Pipe& ready, const Pipe& phase, const char* name) {
  pin_if_two(0);
  LiveServer server({.socket = socket_path, .max_streams = load.n_streams});
  ready.tell(kBegin);
  if (phase.hear() != kBegin) return;
  const double cpu_before = cpu_us();
  const std::int64_t news_before = g_news.load();
  const auto began = std::chrono::steady_clock::now();
  if (phase.hear() != kEnd) return;
  const double cpu = cpu_us() - cpu_before;
  const auto news = static_cast<double>(g_news.load() - news_before);
  const double wall_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
  const double n_chunks = static_cast<double>(load.n_streams) * load.seconds * 1000 / load.chunk_ms;
  std::int64_t n_lost = 0;
  for (const auto& stream : server.registry().all()) n_lost += stream->status().gap_samples;
  std::printf("%-42s %8.2f %8.3f %8.2f %8lld\n", name, cpu / n_chunks, cpu / wall_us, news / n_chunks,
              static_cast<long long>(n_lost));
}

v1::AudioConfig config_of(int stream) {
  v1::AudioConfig config;
  config.set_stream("call-" + std::to_string(stream));
  config.set_encoding(v1::AUDIO_ENCODING_LINEAR16);
  config.set_sample_rate_hertz(kRateHz);
  config.set_audio_channel_count(1);
  return config;
}

/// Sends chunks of all streams by one of the ways.
class Sender {
 public:
  Sender(Way way, const Load& load, const std::string& socket_path) : way_(way) {
    const int n_channels = way == Way::kConnections ? load.n_streams : 1;
    for (int i = 0; i < n_channels; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stubs_.push_back(v1::AudioService::NewStub(
          grpc::CreateCustomChannel("unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments)));
    }
    const std::string content(static_cast<std::size_t>(kRateHz / 1000 * load.chunk_ms) * 2, '\1');
    if (way == Way::kBatch) {
      open_batch(load, content);
    } else {
      open_calls(load, content);
    }
  }

  ~Sender() {
    for (const auto& context : contexts_) context->TryCancel();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send() {
    if (way_ == Way::kBatch) {
      if (!batch_->Write(batch_request_)) std::abort();
      return;
    }
    for (const auto& call : calls_) {
      if (!call->Write(request_)) std::abort();
    }
  }

 private:
  grpc::ClientContext& add_context() { return *contexts_.emplace_back(std::make_unique<grpc::ClientContext>()); }

  void open_batch(const Load& load, const std::string& content) {
    batch_ = stubs_.front()->StreamAudioBatch(&add_context());
    v1::StreamAudioBatchRequest request;
    for (int i = 0; i < load.n_streams; ++i) {
      const auto number = static_cast<std::uint32_t>(i + 1);
      v1::BatchOpen& open = *request.add_opens();
      open.set_number(number);
      *open.mutable_config() = config_of(i);
      v1::BatchChunk& chunk = *batch_request_.add_chunks();
      chunk.set_number(number);
      chunk.set_content(content);
    }
    v1::StreamAudioBatchResponse response;
    if (!batch_->Write(request) || !batch_->Read(&response) || !response.updates(0).has_started()) std::abort();
  }

  void open_calls(const Load& load, const std::string& content) {
    request_.mutable_audio()->set_content(content);
    for (int i = 0; i < load.n_streams; ++i) {
      const auto& stub = stubs_[static_cast<std::size_t>(i) % stubs_.size()];
      auto& call = calls_.emplace_back(stub->StreamAudio(&add_context()));
      v1::StreamAudioRequest request;
      *request.mutable_config() = config_of(i);
      v1::StreamAudioResponse response;
      if (!call->Write(request) || !call->Read(&response) || !response.has_started()) std::abort();
    }
  }

  const Way way_;
  std::vector<std::unique_ptr<v1::AudioService::Stub>> stubs_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  v1::StreamAudioRequest request_;
  v1::StreamAudioBatchRequest batch_request_;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>>> calls_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioBatchRequest, v1::StreamAudioBatchResponse>> batch_;
};

void publish(Way way, const Load& load, const std::string& socket_path, const Pipe& phase) {
  pin_if_two(1);
  Sender sender(way, load, socket_path);
  const std::chrono::milliseconds step(load.chunk_ms);
  auto due = std::chrono::steady_clock::now();
  const auto send_for = [&](std::chrono::milliseconds span) {
    for (auto sent = step; sent <= span; sent += step) {
      sender.send();
      due += step;
      std::this_thread::sleep_until(due);
    }
  };
  send_for(kWarmUp);
  phase.tell(kBegin);
  send_for(std::chrono::seconds(load.seconds));
  phase.tell(kEnd);
}

void measure(Way way, const char* name, const Load& load) {
  std::string folder = (std::filesystem::temp_directory_path() / "melstream-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  const std::string socket_path = folder + "/s";
  {
    const Pipe ready;
    const Pipe phase;
    Child server([&] { serve(load, socket_path, ready, phase, name); });
    ready.hear();
    Child client([&] { publish(way, load, socket_path, phase); });
    const bool sent = client.wait();
    if (!sent) phase.tell('\0');  // the server shall not wait for ever
    server.wait();
    if (!sent) std::fprintf(stderr, "batch_bench: the load generator failed\n");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace melstream::bench

int main(int argc, char** argv) {
  using melstream::bench::Way;
  melstream::bench::Load load;
  if (argc > 1) load.n_streams = std::atoi(argv[1]);
  if (argc > 2) load.seconds = std::atoi(argv[2]);
  if (argc > 3) load.chunk_ms = std::atoi(argv[3]);
  if (load.n_streams < 1 || load.seconds < 1 || load.chunk_ms < 1 || load.chunk_ms > 1000) {
    std::fprintf(stderr, "usage: batch_bench [STREAMS [SECONDS [CHUNK_MS]]]\n");
    return 64;
  }
  std::printf("%d streams, a chunk each %d ms, %d s\n", load.n_streams, load.chunk_ms, load.seconds);
  std::printf("%-42s %8s %8s %8s %8s\n", "", "us/chunk", "cores", "new/chk", "lost");
  std::fflush(stdout);
  melstream::bench::measure(Way::kConnections, "StreamAudio, a connection each", load);
  melstream::bench::measure(Way::kCalls, "StreamAudio, all on one connection", load);
  melstream::bench::measure(Way::kBatch, "StreamAudioBatch", load);
  return 0;
}
