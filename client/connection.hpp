// The channel to the daemon and its calls without streaming. The files of the client that include gRPC are this one's
// .cpp, channel.cpp, publisher.cpp, response_streams.cpp, subscriber.cpp, recording/play_server.cpp, and in load/
// raw_call.cpp with who includes it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "melstream/v1/admin_service.pb.h"
#include "melstream/v1/feature_service.pb.h"

#include "client/exit_codes.hpp"
#include "client/server_option.hpp"

namespace grpc {
class Channel;
class Status;
}  // namespace grpc

namespace melstream::client {

/// "NOT_FOUND" and its like, of google.rpc.Code; "UNKNOWN" for any other.
const char* status_code_name(int code) noexcept;

/// What the daemon refused, with gRPC's code; the exit code follows from it.
class CallError : public ClientError {
 public:
  explicit CallError(const grpc::Status& status);

  /// grpc::StatusCode as a number.
  int status_code() const noexcept { return status_code_; }
  bool not_found() const noexcept;
  bool already_exists() const noexcept;
  /// The life of the stream that a resume token stands for is gone.
  bool epoch_changed() const noexcept { return epoch_changed_; }
  /// The call was broken off by the other side, not refused: the daemon ended, or the connection did.
  bool lost() const noexcept;
  /// Of a subscription that was too slow: where to go on. Else empty.
  const std::string& resume_token() const noexcept { return resume_token_; }

 private:
  int status_code_;
  bool epoch_changed_;
  std::string resume_token_;
};

/// One HTTP/2 connection; any thread may use it.
class Connection {
 public:
  /// Looks for a daemon as choose_server() says. Throws ClientError.
  explicit Connection(const ServerOption& option);
  ~Connection();
  Connection(Connection&&) noexcept;

  const std::shared_ptr<grpc::Channel>& channel() const noexcept { return channel_; }
  const std::string& server() const noexcept { return option_.address; }
  /// What it was made with; the address is that of the daemon that was found.
  const ServerOption& option() const noexcept { return option_; }

  // Each throws CallError. Blocking; those without a timeout give up after 10 s.
  v1::ListStreamsResponse list_streams(const v1::ListStreamsRequest& request = {}, double timeout_seconds = 10) const;
  v1::ListFrontEndsResponse list_front_ends() const;
  v1::GetServerInfoResponse server_info(double timeout_seconds = 10) const;
  v1::GetWindowResponse window(const v1::GetWindowRequest& request, double timeout_seconds) const;
  v1::OpenSourceResponse open_source(const v1::OpenSourceRequest& request) const;
  void close_source(const v1::CloseSourceRequest& request) const;
  v1::ListSourcesResponse list_sources() const;
  v1::ListDevicesResponse list_devices() const;
  v1::ListSubscriptionsResponse list_subscriptions(double timeout_seconds = 10) const;
  /// @param stream an id, or empty for all.
  v1::GetPrivacyResponse privacy(const std::string& stream) const;

  /// The front end of that name. Throws ClientError(kUsage), naming those there are and the nearest.
  v1::FrontEndInfo front_end(const std::string& name) const;

 private:
  ServerOption option_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace melstream::client
