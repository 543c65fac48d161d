#include "bench/wire/server_probe.hpp"

#include <algorithm>
#include <chrono>

#include <grpcpp/client_context.h>

#include "melstream/v1/feature_service.grpc.pb.h"

#include "bench/wire/load.hpp"
#include "bench/wire/raw_call.hpp"

namespace melstream::bench {
namespace {

constexpr double kPeriodS = 0.1;
constexpr std::chrono::seconds kDeadline{5};

}  // namespace

void probe_server(const std::string& address, const std::atomic<bool>& stop, ServerInfo& info) {
  const auto stub = v1::FeatureService::NewStub(connect(address, 1).front());
  while (!stop) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    v1::GetServerInfoResponse response;
    if (stub->GetServerInfo(&context, {}, &response).ok()) {
      info.queued_bytes = response.queued_bytes();
      info.queued_bytes_peak = response.queued_bytes_peak();
      info.queued_bytes_limit = response.queued_bytes_limit();
      info.most_queued_bytes = std::max(info.most_queued_bytes.load(), response.queued_bytes());
      info.subscription_count = response.subscription_count();
      ++info.n_answers;
    }
    pause_s(kPeriodS);
  }
}

}  // namespace melstream::bench
