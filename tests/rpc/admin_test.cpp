// AdminService over a control that a test scripts: values arrive whole, errors by their codes, slow answers hold up
// nobody else.
#include <condition_variable>
#include <map>
#include <set>
#include <thread>

#include "melstream/access/tokens.hpp"
#include "melstream/core/error.hpp"

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;

class FakeControl final : public core::SourceControl {
 public:
  void open(const core::SourceSpec& spec) override {
    const std::lock_guard lock(mutex_);
    if (spec.uri.empty()) throw core::Error(core::ErrorCode::kInvalidArgument, "no uri", "uri");
    for (const core::SourceStatus& source : sources_) {
      if (source.spec.id == spec.id)
        throw core::Error(core::ErrorCode::kAlreadyExists, "source '" + spec.id + "' is there");
    }
    sources_.push_back({.spec = spec,
                        .state = core::SourceState::kWaiting,
                        .detail = "listening on 127.0.0.1:7000",
                        .streams = stream_ids(spec),
                        .counters = {{"packets", 3}, {"bytes", std::int64_t{1} << 40}},
                        .drift_ppm = -12.5});
  }
  void close(std::string_view id) override {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(sources_, [&](const auto& source) { return source.spec.id == id; }) > 0) return;
    throw core::Error(core::ErrorCode::kNotFound, "no source '" + std::string(id) + "'", "id");
  }
  std::vector<core::SourceStatus> list() override {
    const std::lock_guard lock(mutex_);
    return sources_;
  }
  /// What stands after "stream=", else two.
  std::vector<std::string> stream_ids(const core::SourceSpec& spec) const override {
    const std::size_t at = spec.uri.find("stream=");
    if (at == std::string::npos) return {spec.id + "-1", spec.id + "-2"};
    return {spec.uri.substr(at + 7)};
  }
  /// Blocks while it is held.
  std::vector<core::AudioDevice> devices() override {
    std::unique_lock lock(mutex_);
    ++n_looking_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    return {{.name = "Built-in", .host_api = "ALSA", .n_channels = 2, .sample_rate_hz = 44100, .is_default = true},
            {.name = "Desk", .host_api = "ALSA", .n_channels = 1, .sample_rate_hz = 48000}};
  }

  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait_until_looking() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return n_looking_ > 0; });
  }

 private:
  std::mutex mutex_;  // protects all below
  std::condition_variable changed_;
  std::vector<core::SourceStatus> sources_;
  bool held_ = false;
  int n_looking_ = 0;
};

/// Before the server in the order of construction.
struct HasControl {
  FakeControl control;
};

class AdminTest : public HasControl, public ServerTest {
 public:
  ~AdminTest() override { control.hold(false); }

 protected:
  AdminTest() : ServerTest({.sources = &control}) {}

  grpc::Status open(const std::string& id, const std::string& uri, v1::OpenSourceResponse* response = nullptr) {
    grpc::ClientContext context;
    set_deadline(context);
    v1::OpenSourceRequest request;
    request.mutable_spec()->set_id(id);
    request.mutable_spec()->set_uri(uri);
    (*request.mutable_spec()->mutable_labels())["room"] = "4";
    v1::OpenSourceResponse ignored;
    return admin().OpenSource(&context, request, response == nullptr ? &ignored : response);
  }
  grpc::Status close(const std::string& id) {
    grpc::ClientContext context;
    set_deadline(context);
    v1::CloseSourceRequest request;
    request.set_id(id);
    v1::CloseSourceResponse response;
    return admin().CloseSource(&context, request, &response);
  }
  v1::ListSourcesResponse list() {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ListSourcesResponse response;
    EXPECT_TRUE(admin().ListSources(&context, {}, &response).ok());
    return response;
  }
};

TEST_F(AdminTest, OpensShowsAndClosesSources) {
  v1::OpenSourceResponse opened;
  ASSERT_TRUE(open("desk", "mic:default", &opened).ok());
  EXPECT_EQ(opened.source().detail(), "listening on 127.0.0.1:7000");
  ASSERT_TRUE(open("calls", "rtp://127.0.0.1:20000").ok());
  const v1::ListSourcesResponse sources = list();
  ASSERT_EQ(sources.sources_size(), 2);
  const v1::SourceStatus& desk = sources.sources(0);
  EXPECT_EQ(desk.spec().id(), "desk");
  EXPECT_EQ(desk.spec().uri(), "mic:default");
  EXPECT_EQ(desk.spec().labels().at("room"), "4");
  EXPECT_EQ(desk.state(), v1::SOURCE_STATE_WAITING);
  ASSERT_EQ(desk.streams_size(), 2);
  EXPECT_EQ(desk.streams(1), "desk-2");
  EXPECT_EQ(desk.counters().at("packets"), 3);
  EXPECT_EQ(desk.counters().at("bytes"), std::int64_t{1} << 40);
  EXPECT_EQ(desk.drift_ppm(), -12.5);
  EXPECT_EQ(sources.sources(1).spec().id(), "calls");
  EXPECT_TRUE(close("desk").ok());
  EXPECT_EQ(list().sources_size(), 1);
}

TEST_F(AdminTest, TellsErrorsByTheirCodes) {
  ASSERT_TRUE(open("desk", "mic:default").ok());
  EXPECT_EQ(open("desk", "mic:default").error_code(), StatusCode::ALREADY_EXISTS);
  const grpc::Status invalid = open("other", "");
  EXPECT_EQ(invalid.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(invalid.error_message(), "uri: no uri");
  EXPECT_EQ(close("none").error_code(), StatusCode::NOT_FOUND);
}

TEST_F(AdminTest, ListsDevices) {
  grpc::ClientContext context;
  set_deadline(context);
  v1::ListDevicesResponse response;
  ASSERT_TRUE(admin().ListDevices(&context, {}, &response).ok());
  ASSERT_EQ(response.devices_size(), 2);
  EXPECT_EQ(response.devices(0).name(), "Built-in");
  EXPECT_EQ(response.devices(0).host_api(), "ALSA");
  EXPECT_EQ(response.devices(0).channel_count(), 2);
  EXPECT_EQ(response.devices(0).sample_rate_hertz(), 44100);
  EXPECT_TRUE(response.devices(0).is_default());
  EXPECT_FALSE(response.devices(1).is_default());
}

TEST_F(AdminTest, ASlowLookForDevicesHoldsUpNoStream) {
  control.hold(true);
  grpc::Status status;
  std::thread looking([&] {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ListDevicesResponse response;
    status = admin().ListDevices(&context, {}, &response);
  });
  control.wait_until_looking();
  Publisher publisher(audio());
  publisher.open(audio_config("a"));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(320, 1))));
  publisher.half_close();
  EXPECT_TRUE(publisher.finish().ok());
  control.hold(false);
  looking.join();
  EXPECT_TRUE(status.ok());
}

/// Calls that are under way together.
class ManyCloses {
 public:
  ManyCloses(v1::AdminService::Stub& stub, int n_calls) : n_open_(n_calls), calls_(static_cast<std::size_t>(n_calls)) {
    for (Call& call : calls_) {
      set_deadline(call.context);
      stub.async()->CloseSource(&call.context, &request_, &call.response, [this](const grpc::Status& status) {
        const std::lock_guard lock(mutex_);
        ++n_by_code_[status.error_code()];
        --n_open_;
        changed_.notify_all();
      });
    }
  }
  /// By code, of those that are over, once at most so many are left.
  std::map<StatusCode, int> wait(int n_left) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return n_open_ <= n_left; });
    return n_by_code_;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::CloseSourceResponse response;
  };
  const v1::CloseSourceRequest request_;
  std::mutex mutex_;  // protects n_open_ and n_by_code_
  std::condition_variable changed_;
  int n_open_;
  std::map<StatusCode, int> n_by_code_;
  std::vector<Call> calls_;
};

TEST_F(AdminTest, LimitsTheCallsThatWaitAndEndsThemInADrain) {
  control.hold(true);
  std::thread looking([&] {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ListDevicesResponse response;
    admin().ListDevices(&context, {}, &response);
  });
  control.wait_until_looking();
  ManyCloses closes(admin(), 65);
  // Which of them is refused is open, but it is once 64 wait.
  EXPECT_EQ(closes.wait(64), (std::map<StatusCode, int>{{StatusCode::RESOURCE_EXHAUSTED, 1}}));
  std::thread draining([&] { server().drain(std::chrono::milliseconds(0)); });
  EXPECT_EQ(closes.wait(0),
            (std::map<StatusCode, int>{{StatusCode::RESOURCE_EXHAUSTED, 1}, {StatusCode::UNAVAILABLE, 64}}));
  control.hold(false);
  draining.join();
  looking.join();
}

constexpr const char* kDeskAdminToken = "token-of-the-desk-admin";

FixtureOptions with_a_desk_admin(core::SourceControl& control) {
  FixtureOptions options;
  options.sources = &control;
  options.server.access.identities = {
      {.name = "desk-admin", .roles = {access::Role::kAdmin}, .streams = {"desk-*", "hall"}}};
  options.server.access.tokens = {{"desk-admin", access::sha256_of(kDeskAdminToken)}};
  return options;
}

/// Calls with the token of an identity that reaches desk-* and hall; open() and close() are those of the tests above.
class AdminGlobsTest : public HasControl, public ServerTest {
 protected:
  AdminGlobsTest() : ServerTest(with_a_desk_admin(control)) {}

  static void prepare(grpc::ClientContext& context, bool with_token = true) {
    set_deadline(context);
    if (with_token) context.AddMetadata("authorization", std::string("Bearer ") + kDeskAdminToken);
  }
  grpc::Status open(const std::string& id, const std::string& uri, bool with_token = true) {
    grpc::ClientContext context;
    prepare(context, with_token);
    v1::OpenSourceRequest request;
    request.mutable_spec()->set_id(id);
    request.mutable_spec()->set_uri(uri);
    v1::OpenSourceResponse response;
    return admin().OpenSource(&context, request, &response);
  }
  grpc::Status close(const std::string& id) {
    grpc::ClientContext context;
    prepare(context);
    v1::CloseSourceRequest request;
    request.set_id(id);
    v1::CloseSourceResponse response;
    return admin().CloseSource(&context, request, &response);
  }
  std::vector<std::string> sources(bool with_token = true) {
    grpc::ClientContext context;
    prepare(context, with_token);
    v1::ListSourcesResponse response;
    EXPECT_TRUE(admin().ListSources(&context, {}, &response).ok());
    std::vector<std::string> ids;
    for (const auto& one : response.sources()) ids.push_back(one.spec().id());
    return ids;
  }
  /// What those who subscribe say they read.
  std::multiset<std::string> subscriptions(bool with_token = true) {
    grpc::ClientContext context;
    prepare(context, with_token);
    v1::ListSubscriptionsResponse response;
    EXPECT_TRUE(admin().ListSubscriptions(&context, {}, &response).ok());
    std::multiset<std::string> streams;
    for (const auto& one : response.subscriptions()) streams.insert(one.streams());
    return streams;
  }
  grpc::Status privacy(const std::string& stream, v1::GetPrivacyResponse& response) {
    grpc::ClientContext context;
    prepare(context);
    v1::GetPrivacyRequest request;
    request.set_stream(stream);
    return admin().GetPrivacy(&context, request, &response);
  }
};

TEST_F(AdminGlobsTest, SourcesOfOthersAreNeitherSeenNorTouched) {
  ASSERT_TRUE(open("office", "fake:", false).ok());
  ASSERT_TRUE(open("desk-9", "fake:?stream=office-9", false).ok());
  EXPECT_EQ(open("office-2", "fake:").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(open("desk-1", "fake:?stream=office-2").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(open("desk-1", "fake:?stream={port}").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(open("desk-1", "fake:?stream=hall{port}").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(sources(false), (std::vector<std::string>{"office", "desk-9"}));  // none was opened in passing
  EXPECT_TRUE(open("desk-1", "fake:?stream=desk-{port}").ok());
  EXPECT_EQ(sources(), std::vector<std::string>{"desk-1"});
  EXPECT_EQ(close("office").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(close("desk-9").error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(close("desk-1").ok());
  EXPECT_EQ(close("desk-1").error_code(), StatusCode::NOT_FOUND);
}

TEST_F(AdminGlobsTest, PrivacyTellsOfItsStreamsOnly) {
  Publisher desk(audio());
  desk.open(audio_config("desk-1"));
  Publisher office(audio());
  office.open(audio_config("office"));
  v1::GetPrivacyResponse response;
  ASSERT_TRUE(privacy("", response).ok());
  ASSERT_EQ(response.streams_size(), 1);
  EXPECT_EQ(response.streams(0).stream(), "desk-1");
  EXPECT_EQ(privacy("office", response).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(privacy("no-such-stream", response).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(privacy("desk-2", response).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(AdminGlobsTest, SubscriptionsToOtherStreamsAreNotListed) {
  Publisher desk(audio());
  desk.open(audio_config("desk-1"));
  Publisher office(audio());
  office.open(audio_config("office"));
  v1::SubscribeConfig all = subscribe_config("");
  all.mutable_streams()->mutable_all();
  v1::SubscribeConfig ids = subscribe_config("");
  for (const char* id : {"desk-1", "desk-2"}) ids.mutable_streams()->mutable_ids()->add_ids(id);
  v1::SubscribeConfig mixed = subscribe_config("");
  for (const char* id : {"desk-1", "later"}) mixed.mutable_streams()->mutable_ids()->add_ids(id);
  v1::SubscribeConfig nobodys = subscribe_config("");
  nobodys.mutable_streams()->set_labels("room=9");
  Subscriber one(features(), subscribe_config("desk-1"));
  Subscriber two(features(), subscribe_config("office"));
  Subscriber three(features(), all);
  Subscriber four(features(), ids);
  Subscriber five(features(), mixed);
  Subscriber six(features(), nobodys);
  while (subscriptions(false).size() < 6) {
  }
  // Whose the one is that follows nothing yet is not known.
  EXPECT_EQ(subscriptions(), (std::multiset<std::string>{"desk-1", "ids: desk-1, desk-2"}));
}

class NoSourcesTest : public ServerTest {};

TEST_F(NoSourcesTest, IsToldClearly) {
  grpc::ClientContext context;
  set_deadline(context);
  v1::ListSourcesResponse response;
  const grpc::Status status = admin().ListSources(&context, {}, &response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("no sources"), std::string::npos);
}

}  // namespace
}  // namespace melstream::test
