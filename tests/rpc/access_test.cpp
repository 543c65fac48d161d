// Roles, tokens and certificates over a real server: sockets of a role, TLS, rotation, revocation, limits.
#include <ctime>
#include <filesystem>
#include <future>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "melstream/access/tokens.hpp"

#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/test_certificates.hpp"

namespace melstream::test {
namespace {

using access::Role;
using grpc::StatusCode;
using Kind = rpc::ListenerSpec::Kind;

constexpr const char* kDeskToken = "token-of-the-desk-0";
constexpr const char* kAsrToken = "token-of-the-recogniser";

access::AccessRules some_rules() {
  access::AccessRules rules;
  rules.identities = {
      {.name = "desk", .roles = {Role::kPublisher}, .streams = {"desk-*"}},
      {.name = "asr", .roles = {Role::kSubscriber}, .streams = {"desk-1"}, .uris = {"spiffe://example.org/asr"}},
      {.name = "boss", .roles = access::RoleSet::all(), .common_names = {"boss"}},
  };
  rules.tokens = {{"desk", access::sha256_of(kDeskToken)}, {"asr", access::sha256_of(kAsrToken)}};
  return rules;
}

access::Certificates certificates_of(const PemPair& pair, const TestRoot& root) {
  return {.certificate = pair.certificate, .key = pair.key, .client_ca = root.certificate(), .expiry_unix_s = 0};
}

const TestRoot& test_root() {
  static const TestRoot root;
  return root;
}

FixtureOptions access_options() {
  FixtureOptions options;
  options.server.access = some_rules();
  options.server.certificates = certificates_of(test_root().sign({}), test_root());
  options.server.require_client_certificate = false;
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("melstream-access-" + std::to_string(getpid()))).string();
  options.server.listeners = {
      {.kind = Kind::kTls, .address = "127.0.0.1:0"},
      {.kind = Kind::kUnix, .address = folder + "-p.sock", .anonymous = {Role::kPublisher}},
      {.kind = Kind::kUnix, .address = folder + "-s.sock", .anonymous = {Role::kSubscriber}},
      {.kind = Kind::kTcp, .address = "127.0.0.1:0", .anonymous = {Role::kSubscriber, Role::kAdmin}},
  };
  return options;
}

/// The server of the fixture has its socket for all besides those above, as the last.
class RpcAccessTest : public ServerTest {
 protected:
  RpcAccessTest() : ServerTest(access_options()) {}
  explicit RpcAccessTest(const FixtureOptions& options) : ServerTest(options) {}

  std::shared_ptr<grpc::Channel> plain(std::size_t listener) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server_addresses()[listener], grpc::InsecureChannelCredentials(), arguments);
  }
  std::shared_ptr<grpc::Channel> tls(const PemPair& pair = {}) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = test_root().certificate();
    options.pem_cert_chain = pair.certificate;
    options.pem_private_key = pair.key;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("localhost");
    return grpc::CreateCustomChannel(server_addresses()[kTlsListener], grpc::SslCredentials(options), arguments);
  }
  static void prepare(grpc::ClientContext& context, const char* token) {
    set_deadline(context);
    if (token != nullptr) context.AddMetadata("authorization", std::string("Bearer ") + token);
  }
  static grpc::Status list(const std::shared_ptr<grpc::Channel>& channel, const char* token = nullptr,
                           v1::ListStreamsResponse* response = nullptr) {
    grpc::ClientContext context;
    prepare(context, token);
    v1::ListStreamsResponse ignored;
    return v1::FeatureService::NewStub(channel)->ListStreams(&context, {}, response != nullptr ? response : &ignored);
  }
  static grpc::Status administer(const std::shared_ptr<grpc::Channel>& channel, const char* token = nullptr) {
    grpc::ClientContext context;
    prepare(context, token);
    v1::ListSubscriptionsResponse ignored;
    return v1::AdminService::NewStub(channel)->ListSubscriptions(&context, {}, &ignored);
  }
  /// Opens a stream and ends it; OK if that was allowed.
  static grpc::Status publish(const std::shared_ptr<grpc::Channel>& channel, const std::string& stream,
                              const char* token = nullptr) {
    grpc::ClientContext context;
    prepare(context, token);
    const auto call = v1::AudioService::NewStub(channel)->StreamAudio(&context);
    v1::StreamAudioRequest request;
    *request.mutable_config() = audio_config(stream);
    call->Write(request);
    call->WritesDone();
    v1::StreamAudioResponse response;
    while (call->Read(&response)) {
    }
    return call->Finish();
  }
  static grpc::Status subscribe(const std::shared_ptr<grpc::Channel>& channel, const v1::SubscribeConfig& config,
                                const char* token, Reading* reading = nullptr) {
    grpc::ClientContext context;
    prepare(context, token);
    const auto call = v1::FeatureService::NewStub(channel)->Subscribe(&context);
    v1::SubscribeRequest request;
    *request.mutable_config() = config;
    call->Write(request);
    v1::SubscribeResponse response;
    while (call->Read(&response)) {
      if (reading != nullptr) reading->take(response);
    }
    return call->Finish();
  }
  std::vector<std::string> server_addresses() const { return const_cast<RpcAccessTest*>(this)->server().addresses(); }

  static constexpr std::size_t kTlsListener = 0;
  static constexpr std::size_t kPublisherSocket = 1;
  static constexpr std::size_t kSubscriberSocket = 2;
  static constexpr std::size_t kTcp = 3;
};

TEST_F(RpcAccessTest, EachSocketHasItsRole) {
  EXPECT_TRUE(publish(plain(kPublisherSocket), "a").ok());
  EXPECT_EQ(list(plain(kPublisherSocket)).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(administer(plain(kPublisherSocket)).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(list(plain(kSubscriberSocket)).ok());
  EXPECT_EQ(publish(plain(kSubscriberSocket), "a").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(administer(plain(kTcp)).ok());
  EXPECT_EQ(publish(plain(kTcp), "a").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(administer(connect()).ok());
  EXPECT_TRUE(publish(connect(), "a").ok());
}

TEST_F(RpcAccessTest, TlsWantsToKnowWhoItIs) {
  EXPECT_EQ(list(tls()).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(list(tls(), "token-of-nobody-at-all").error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(list(tls(), kAsrToken).ok());
  EXPECT_TRUE(publish(tls(), "desk-1", kDeskToken).ok());
  EXPECT_EQ(publish(tls(), "hall-1", kDeskToken).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(administer(tls(), kDeskToken).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_NE(list(plain(kTlsListener)).error_code(), StatusCode::OK);  // without TLS
}

TEST_F(RpcAccessTest, CertificatesNameIdentities) {
  EXPECT_TRUE(list(tls(test_root().sign({.common_name = "x", .uri = "spiffe://example.org/asr"}))).ok());
  const auto boss = tls(test_root().sign({.common_name = "boss"}));
  EXPECT_TRUE(administer(boss).ok());
  EXPECT_TRUE(publish(boss, "hall-1").ok());
  EXPECT_EQ(list(tls(test_root().sign({.common_name = "stranger"}))).error_code(), StatusCode::UNAUTHENTICATED);
  const TestRoot other;
  EXPECT_EQ(list(tls(other.sign({.common_name = "boss"}))).error_code(), StatusCode::UNAVAILABLE);  // no handshake
}

TEST_F(RpcAccessTest, ShowsOnlyTheStreamsOfTheIdentity) {
  Publisher desk1(audio());
  desk1.open(audio_config("desk-1"));
  Publisher desk2(audio());
  desk2.open(audio_config("desk-2"));
  v1::ListStreamsResponse streams;
  ASSERT_TRUE(list(tls(), kAsrToken, &streams).ok());
  ASSERT_EQ(streams.streams_size(), 1);
  EXPECT_EQ(streams.streams(0).stream(), "desk-1");
  EXPECT_EQ(subscribe(tls(), subscribe_config("desk-2"), kAsrToken).error_code(), StatusCode::PERMISSION_DENIED);
  v1::SubscribeConfig many = subscribe_config("");
  many.mutable_streams()->mutable_ids()->add_ids("desk-2");
  EXPECT_EQ(subscribe(tls(), many, kAsrToken).error_code(), StatusCode::PERMISSION_DENIED);

  grpc::ClientContext context;
  prepare(context, kAsrToken);
  v1::GetWindowRequest window;
  window.set_stream("desk-2");
  window.mutable_features()->set_front_end("whisper-80");
  window.set_end_sample(16000);
  v1::GetWindowResponse ignored;
  EXPECT_EQ(v1::FeatureService::NewStub(tls())->GetWindow(&context, window, &ignored).error_code(),
            StatusCode::PERMISSION_DENIED);
}

TEST_F(RpcAccessTest, RefusalsByGlobsAreCounted) {
  const auto forbidden = [this] {
    return server().stats().auth_failures[static_cast<std::size_t>(rpc::AuthFailure::kForbidden)].load();
  };
  const std::int64_t before = forbidden();
  EXPECT_EQ(subscribe(tls(), subscribe_config("hall-1"), kAsrToken).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(publish(tls(), "hall-1", kDeskToken).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(forbidden(), before + 2);
}

TEST_F(RpcAccessTest, AWindowThatWaitsEndsWhenRevoked) {
  Publisher desk(audio());
  desk.open(audio_config("desk-1"));
  grpc::ClientContext context;
  prepare(context, kAsrToken);
  v1::GetWindowRequest request;
  request.set_stream("desk-1");
  request.mutable_features()->set_front_end("whisper-80");
  request.set_end_sample(16'000);  // yet to come
  v1::GetWindowResponse response;
  const auto stub = v1::FeatureService::NewStub(tls());
  std::promise<grpc::Status> done;
  stub->async()->GetWindow(&context, &request, &response, [&](const grpc::Status& status) { done.set_value(status); });
  ASSERT_TRUE(eventually([&] {
    grpc::ClientContext asking;
    set_deadline(asking);
    v1::GetPrivacyResponse now;
    return v1::AdminService::NewStub(connect())->GetPrivacy(&asking, {}, &now).ok() && now.window_call_count() == 1;
  }));
  access::AccessRules rules = some_rules();
  rules.tokens.clear();
  server().set_access(rules, access::RoleSet::all());
  ASSERT_TRUE(desk.send(as_bytes(pcm_noise(160, 1))));  // a turn
  EXPECT_EQ(done.get_future().get().error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(RpcAccessTest, RevokingEndsCallsThatRun) {
  Publisher other(audio());
  other.open(audio_config("desk-1"));

  grpc::ClientContext reader_context;
  prepare(reader_context, kAsrToken);
  const auto reader_channel = tls();
  const auto reader_stub = v1::FeatureService::NewStub(reader_channel);
  const auto reader = reader_stub->Subscribe(&reader_context);
  v1::SubscribeRequest request;
  *request.mutable_config() = subscribe_config("desk-1");
  reader->Write(request);
  v1::SubscribeResponse response;
  ASSERT_TRUE(reader->Read(&response));  // Start

  grpc::ClientContext desk_context;
  prepare(desk_context, kDeskToken);
  const auto desk_channel = tls();
  const auto desk_stub = v1::AudioService::NewStub(desk_channel);
  const auto desk = desk_stub->StreamAudio(&desk_context);
  v1::StreamAudioRequest open;
  *open.mutable_config() = audio_config("desk-2");
  desk->Write(open);
  v1::StreamAudioResponse started;
  ASSERT_TRUE(desk->Read(&started));

  grpc::ClientContext watcher_context;
  prepare(watcher_context, kAsrToken);
  const auto watcher = reader_stub->WatchStreams(&watcher_context, {});
  v1::WatchStreamsResponse seen;
  ASSERT_TRUE(watcher->Read(&seen));

  access::AccessRules rules = some_rules();
  rules.tokens.clear();
  server().set_access(rules, access::RoleSet::all());
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), StatusCode::UNAUTHENTICATED);
  while (desk->Read(&started)) {
  }
  EXPECT_EQ(desk->Finish().error_code(), StatusCode::UNAUTHENTICATED);
  while (watcher->Read(&seen)) {
  }
  EXPECT_EQ(watcher->Finish().error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(list(tls(), kAsrToken).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(publish(plain(kTcp), "a").ok());  // the new rules of TCP
}

TEST_F(RpcAccessTest, NewCertificatesServeNewConnections) {
  const auto before = tls();
  ASSERT_TRUE(list(before, kAsrToken).ok());
  const TestRoot other;
  server().set_certificates(certificates_of(other.sign({}), other));
  EXPECT_TRUE(list(before, kAsrToken).ok());  // its connection lives on
  EXPECT_EQ(list(tls(), kAsrToken).error_code(), StatusCode::UNAVAILABLE);
  server().set_certificates(certificates_of(test_root().sign({}), test_root()));
  EXPECT_TRUE(list(tls(), kAsrToken).ok());
}

/// Tokens over TLS, and nobody asks for clients' certificates.
FixtureOptions tokens_only_options() {
  FixtureOptions options = access_options();
  options.server.certificates->client_ca.clear();
  return options;
}

class RpcTokensTest : public RpcAccessTest {
 protected:
  RpcTokensTest() : RpcAccessTest(tokens_only_options()) {}
};

TEST_F(RpcTokensTest, ServeWithoutAnAuthorityForClients) {
  EXPECT_TRUE(list(tls(), kAsrToken).ok());
  EXPECT_EQ(list(tls()).error_code(), StatusCode::UNAUTHENTICATED);
  // A certificate, even a good one, says nothing here.
  EXPECT_EQ(list(tls(test_root().sign({.common_name = "boss"}))).error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(RpcAccessTest, LimitsOfAnIdentityEndWithItsCalls) {
  access::AccessRules rules = some_rules();
  rules.limits = {.max_streams = 1};
  server().set_access(rules, access::RoleSet::all());
  grpc::ClientContext context;
  prepare(context, kDeskToken);
  const auto channel = tls();
  const auto stub = v1::AudioService::NewStub(channel);
  const auto call = stub->StreamAudio(&context);
  v1::StreamAudioRequest request;
  *request.mutable_config() = audio_config("desk-1");
  call->Write(request);
  v1::StreamAudioResponse response;
  ASSERT_TRUE(call->Read(&response));
  const grpc::Status refused = publish(tls(), "desk-2", kDeskToken);
  EXPECT_EQ(refused.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.error_message().find("limits.streams_per_identity"), std::string::npos) << refused.error_message();
  call->WritesDone();
  while (call->Read(&response)) {
  }
  ASSERT_TRUE(call->Finish().ok());
  EXPECT_TRUE(publish(tls(), "desk-2", kDeskToken).ok());
}

}  // namespace
}  // namespace melstream::test
