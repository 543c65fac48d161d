// The gRPC service of operators: sources of audio, devices, and who subscribes. Opening a source and looking for
// devices may take a second, so the thread "ms-admin" does all of it, one call after another; gRPC's callback threads
// only queue.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "melstream/access/access.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/worker.hpp"
#include "melstream/v1/admin_service.grpc.pb.h"

namespace melstream::rpc {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  /// Those that the grant reaches.
  using Subscriptions = std::function<std::vector<v1::SubscriptionInfo>(const access::Grant& grant)>;

  /// Calls of GetWindow and GetWindows now.
  using WindowCount = std::function<int()>;

  /// @param environment outlives the service; without sources, every call about sources is refused with
  /// FAILED_PRECONDITION. @param subscriptions called on ms-admin, may wait for a tick.
  AdminService(const Environment& environment, Subscriptions subscriptions, WindowCount windows);

  grpc::ServerUnaryReactor* OpenSource(grpc::CallbackServerContext* context, const v1::OpenSourceRequest* request,
                                       v1::OpenSourceResponse* response) override;
  grpc::ServerUnaryReactor* CloseSource(grpc::CallbackServerContext* context, const v1::CloseSourceRequest* request,
                                        v1::CloseSourceResponse* response) override;
  grpc::ServerUnaryReactor* ListSources(grpc::CallbackServerContext* context, const v1::ListSourcesRequest* request,
                                        v1::ListSourcesResponse* response) override;
  grpc::ServerUnaryReactor* ListDevices(grpc::CallbackServerContext* context, const v1::ListDevicesRequest* request,
                                        v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* ListSubscriptions(grpc::CallbackServerContext* context,
                                              const v1::ListSubscriptionsRequest* request,
                                              v1::ListSubscriptionsResponse* response) override;
  grpc::ServerUnaryReactor* GetPrivacy(grpc::CallbackServerContext* context, const v1::GetPrivacyRequest* request,
                                       v1::GetPrivacyResponse* response) override;

  /// Ends the calls that wait with UNAVAILABLE, those to come too; the one that is being answered goes on.
  void end_all();

 private:
  using Answer = std::function<void(const access::Grant& grant)>;
  using SourcesAnswer = std::function<void(core::SourceControl& sources, const access::Grant& grant)>;
  struct Call {
    grpc::CallbackServerContext* context = nullptr;
    grpc::ServerUnaryReactor* reactor = nullptr;
    std::shared_ptr<access::Grant> grant;
    Answer answer;
  };

  /// @param answer fills the response, or throws.
  grpc::ServerUnaryReactor* queue(grpc::CallbackServerContext& context, Answer answer);
  grpc::ServerUnaryReactor* queue_about_sources(grpc::CallbackServerContext& context, SourcesAnswer answer);
  void answer_all();

  const Environment& environment_;
  core::SourceControl* const sources_;
  const Subscriptions subscriptions_;
  const WindowCount windows_;
  std::mutex mutex_;  // protects waiting_ and closed_
  std::vector<Call> waiting_;
  bool closed_ = false;
  Worker worker_;  // last: it uses all above
};

}  // namespace melstream::rpc
