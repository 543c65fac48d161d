#include "bench/wire/bare_server.hpp"

#include <algorithm>
#include <stdexcept>

#include <grpc/support/time.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "bench/wire/bare_call.hpp"

namespace melstream::bench {
namespace {

constexpr int kWaitingCalls = 64;
constexpr int kHopSamples = 160;
constexpr int kDelaySamples = 200;  // whisper's
constexpr std::int64_t kLookNs = 10'000'000;

}  // namespace

BareServer::BareServer(const ServerLoad& load, const AudioLoad& audio, const std::string& socket_path)
    : load_(load),
      audio_(audio),
      by_stream_(static_cast<std::size_t>(audio.n_streams)),
      n_chunks_(static_cast<std::size_t>(audio.n_streams)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(load.tcp ? "127.0.0.1:0" : "unix:" + socket_path, grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (!server_) throw std::runtime_error("the bare server does not start");
  address_ = load.tcp ? "127.0.0.1:" + std::to_string(port) : "unix:" + socket_path;
}

BareServer::~BareServer() {
  server_->Shutdown(gpr_now(GPR_CLOCK_REALTIME));
  queue_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
  }
}

std::int64_t BareServer::n_frames(int stream) const noexcept {
  const std::int64_t n_samples = n_chunks_[static_cast<std::size_t>(stream)] * audio_.chunk_samples();
  return n_samples < kDelaySamples ? 0 : (n_samples - kDelaySamples) / kHopSamples + 1;
}

void BareServer::advance(int first_stream, int n_streams) {
  for (int i = first_stream; i < first_stream + n_streams; ++i) ++n_chunks_[static_cast<std::size_t>(i)];
  if (load_.tick_ns != 0) return;
  for (int i = first_stream; i < first_stream + n_streams; ++i) {
    for (BareCall* const reader : by_stream_[static_cast<std::size_t>(i)]) reader->pump();
  }
}

void BareServer::wait_for_call() { calls_.push_back(std::make_unique<BareCall>(*this, service_, *queue_)); }

void BareServer::pump_all() {
  for (BareCall* const reader : readers_) reader->pump();
}

void BareServer::run(const std::atomic<bool>& stop) {
  for (int i = 0; i < kWaitingCalls; ++i) wait_for_call();
  const std::int64_t period_ns = load_.tick_ns == 0 ? kLookNs : load_.tick_ns;
  std::int64_t due_ns = steady_ns() + period_ns;
  void* tag = nullptr;
  bool ok = false;
  while (!stop) {
    const gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_nanos(std::max<std::int64_t>(0, due_ns - steady_ns()), GPR_TIMESPAN));
    if (queue_->AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
      const auto& [call, step] = *static_cast<BareCall::Tag*>(tag);
      call->complete(step, ok);
    }
    if (steady_ns() < due_ns) continue;
    due_ns += period_ns;
    pump_all();
  }
}

}  // namespace melstream::bench
