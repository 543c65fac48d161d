#include "client/connection.hpp"

#include <chrono>
#include <mutex>
#include <vector>

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include "melstream/v1/admin_service.grpc.pb.h"
#include "melstream/v1/feature_service.grpc.pb.h"

#include "client/channel.hpp"
#include "client/feature_names.hpp"
#include "client/server_address.hpp"

namespace melstream::client {
namespace {

constexpr double kShortCallSeconds = 10;
// The daemon gives up on a sound system that hangs after 10 s, and says so.
constexpr double kDevicesCallSeconds = 15;

ExitCode exit_code_of(grpc::StatusCode code) noexcept {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return ExitCode::kUsage;
    case grpc::StatusCode::UNAVAILABLE:
      return ExitCode::kUnavailable;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ExitCode::kPermission;
    default:
      return ExitCode::kFailure;
  }
}

std::string range_text(const v1::SampleRange& range) {
  return "[" + std::to_string(range.begin_sample()) + ", " + std::to_string(range.end_sample()) + ")";
}

/// What to do about what gRPC itself or access control says; empty where the message says it.
std::string remedy_of(const grpc::Status& status) {
  const std::string& message = status.error_message();
  const auto has = [&](const char* words) { return message.find(words) != std::string::npos; };
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    return "; with this program: --token-file FILE, or --tls-certificate and --tls-key";
  }
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return {};
  if (has("certificate verify failed") || has("CERTIFICATE_VERIFY_FAILED")) {
    return "; is --tls-ca the file of who signed the daemon's certificate?";
  }
  if (has("WRONG_VERSION_NUMBER")) return "; that port speaks no TLS: leave out tls:";
  if (has("Socket closed") || has("Connection reset") || has("Broken pipe")) {
    return "; the daemon ended, or closed the connection: its log says why. A listener with TLS wants tls:HOST:PORT, "
           "and "
           "may want --tls-certificate";
  }
  return {};
}

std::string describe(const grpc::Status& status) {
  std::string text = status.error_message().empty() ? "the call failed" : status.error_message();
  v1::WindowErrorDetail detail;
  const auto code = status.error_code();
  const bool has_detail = code == grpc::StatusCode::OUT_OF_RANGE || code == grpc::StatusCode::FAILED_PRECONDITION;
  if (has_detail && !status.error_details().empty() && detail.ParseFromString(status.error_details())) {
    if (detail.has_held()) text += "; held: samples " + range_text(detail.held());
    for (const auto& gap : detail.gaps()) text += "; gap: samples " + range_text(gap);
  }
  return text + " (" + status_code_name(code) + ")" + remedy_of(status);
}

void set_deadline(grpc::ClientContext& context, double seconds) {
  context.set_deadline(
      std::chrono::system_clock::now() +
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::duration<double>(seconds)));
}

void check(const grpc::Status& status) {
  if (!status.ok()) throw CallError(status);
}

/// For calls that the daemon answers at once: without an answer it hangs.
void check_short(const grpc::Status& status, const std::string& server) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    throw ClientError(ExitCode::kUnavailable,
                      "the daemon at " + server + " accepts connections, but did not answer for 10 s");
  }
  check(status);
}

}  // namespace

const char* status_code_name(int code) noexcept {
  switch (static_cast<grpc::StatusCode>(code)) {
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    default:
      return "UNKNOWN";
  }
}

CallError::CallError(const grpc::Status& status)
    : ClientError(exit_code_of(status.error_code()), describe(status)),
      status_code_(status.error_code()),
      epoch_changed_(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION &&
                     status.error_message().rfind("EPOCH_CHANGED", 0) == 0) {
  v1::SubscribeErrorDetail detail;
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED && detail.ParseFromString(status.error_details())) {
    resume_token_ = detail.resume_token();
  }
}

bool CallError::lost() const noexcept {
  return status_code_ == grpc::StatusCode::UNAVAILABLE || status_code_ == grpc::StatusCode::CANCELLED;
}

bool CallError::not_found() const noexcept { return status_code_ == grpc::StatusCode::NOT_FOUND; }

bool CallError::already_exists() const noexcept { return status_code_ == grpc::StatusCode::ALREADY_EXISTS; }

Connection::Connection(const ServerOption& option) : option_(option) {
  // For as long as the program runs: shutting the whole of gRPC down may wait 10 s for a poller of its own. Not before
  // the first connection: gRPC's threads must not get the signals that an Interrupt waits for.
  static std::once_flag once;
  std::call_once(once, grpc_init);
  const ServerAddress server = choose_server(option.address);
  option_.address = server.text();
  channel_ = make_channel(server, option);
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;

v1::ListStreamsResponse Connection::list_streams(const v1::ListStreamsRequest& request, double timeout_seconds) const {
  grpc::ClientContext context;
  set_deadline(context, timeout_seconds);
  v1::ListStreamsResponse response;
  check_short(v1::FeatureService::NewStub(channel_)->ListStreams(&context, request, &response), server());
  return response;
}

v1::ListFrontEndsResponse Connection::list_front_ends() const {
  grpc::ClientContext context;
  set_deadline(context, kShortCallSeconds);
  v1::ListFrontEndsResponse response;
  check_short(v1::FeatureService::NewStub(channel_)->ListFrontEnds(&context, {}, &response), server());
  return response;
}

v1::GetServerInfoResponse Connection::server_info(double timeout_seconds) const {
  grpc::ClientContext context;
  set_deadline(context, timeout_seconds);
  v1::GetServerInfoResponse response;
  check_short(v1::FeatureService::NewStub(channel_)->GetServerInfo(&context, {}, &response), server());
  return response;
}

v1::GetWindowResponse Connection::window(const v1::GetWindowRequest& request, double timeout_seconds) const {
  grpc::ClientContext context;
  set_deadline(context, timeout_seconds);
  v1::GetWindowResponse response;
  check(v1::FeatureService::NewStub(channel_)->GetWindow(&context, request, &response));
  return response;
}

v1::OpenSourceResponse Connection::open_source(const v1::OpenSourceRequest& request) const {
  grpc::ClientContext context;
  set_deadline(context, kShortCallSeconds);
  v1::OpenSourceResponse response;
  check_short(v1::AdminService::NewStub(channel_)->OpenSource(&context, request, &response), server());
  return response;
}

void Connection::close_source(const v1::CloseSourceRequest& request) const {
  grpc::ClientContext context;
  set_deadline(context, kShortCallSeconds);
  v1::CloseSourceResponse response;
  check_short(v1::AdminService::NewStub(channel_)->CloseSource(&context, request, &response), server());
}

v1::ListSourcesResponse Connection::list_sources() const {
  grpc::ClientContext context;
  set_deadline(context, kShortCallSeconds);
  v1::ListSourcesResponse response;
  check_short(v1::AdminService::NewStub(channel_)->ListSources(&context, {}, &response), server());
  return response;
}

v1::ListDevicesResponse Connection::list_devices() const {
  grpc::ClientContext context;
  set_deadline(context, kDevicesCallSeconds);
  v1::ListDevicesResponse response;
  check_short(v1::AdminService::NewStub(channel_)->ListDevices(&context, {}, &response), server());
  return response;
}

v1::ListSubscriptionsResponse Connection::list_subscriptions(double timeout_seconds) const {
  grpc::ClientContext context;
  set_deadline(context, timeout_seconds);
  v1::ListSubscriptionsResponse response;
  check_short(v1::AdminService::NewStub(channel_)->ListSubscriptions(&context, {}, &response), server());
  return response;
}

v1::GetPrivacyResponse Connection::privacy(const std::string& stream) const {
  grpc::ClientContext context;
  set_deadline(context, kShortCallSeconds);
  v1::GetPrivacyRequest request;
  request.set_stream(stream);
  v1::GetPrivacyResponse response;
  check_short(v1::AdminService::NewStub(channel_)->GetPrivacy(&context, request, &response), server());
  return response;
}

v1::FrontEndInfo Connection::front_end(const std::string& name) const {
  const v1::ListFrontEndsResponse response = list_front_ends();
  std::vector<std::string> names;
  for (const auto& front_end : response.front_ends()) {
    if (front_end.name() == name) return front_end;
    names.push_back(front_end.name());
  }
  std::string message = "unknown front end '" + name + "'";
  if (const std::string close = nearest(name, names); !close.empty()) message += " (did you mean '" + close + "'?)";
  message += "; the daemon has:";
  for (const auto& known : names) message += " " + known;
  throw ClientError(ExitCode::kUsage, message);
}

}  // namespace melstream::client
