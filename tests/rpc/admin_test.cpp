// AdminService over a control that a test scripts: values arrive whole, errors by their codes, slow answers hold up
// nobody else.
#include <condition_variable>
#include <map>
#include <thread>

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
                        .streams = {spec.id + "-1", spec.id + "-2"},
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
