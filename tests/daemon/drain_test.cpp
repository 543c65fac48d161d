// Draining: a subscriber that reads gets to its End, one that does not is cut off when the time is over.
#include <memory>
#include <string>

#include <signal.h>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "melstream/v1/audio_service.grpc.pb.h"
#include "melstream/v1/feature_service.grpc.pb.h"

#include "tests/daemon/process.hpp"

namespace melstream::daemon {
namespace {

constexpr int kSecondBytes = 2 * 16000;  // LINEAR16 at 16 kHz

/// A daemon, a publisher and a subscriber of its stream.
class Drain : public testing::Test {
 public:
  ~Drain() override {  // a process that still runs would never end them
    publisher_context_.TryCancel();
    subscriber_context_.TryCancel();
  }

 protected:
  using Publisher = grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>;
  using Subscriber = grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>;

  void start(const std::string& drain_timeout_s) {
    const std::string socket = folder_.path("s");
    process_ = std::make_unique<Process>(std::vector<std::string>{
        "--config", folder_.write("m.toml", "[server]\nsocket = \"" + socket + "\"\nlisten = []\ndrain_timeout_s = " +
                                                drain_timeout_s + "\n[metrics]\nlisten = \"\"\n")});
    ASSERT_TRUE(process_->next_notice()) << process_->log();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // the receive window stays small, whatever the machine
    const auto channel = grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    audio_ = v1::AudioService::NewStub(channel);
    features_ = v1::FeatureService::NewStub(channel);
  }

  void publish() {
    publisher_ = audio_->StreamAudio(&publisher_context_);
    v1::StreamAudioRequest request;
    request.mutable_config()->set_stream("s");
    request.mutable_config()->set_encoding(v1::AUDIO_ENCODING_LINEAR16);
    request.mutable_config()->set_sample_rate_hertz(16000);
    request.mutable_config()->set_audio_channel_count(1);
    request.mutable_config()->set_pacing(v1::PACING_FAST);
    ASSERT_TRUE(publisher_->Write(request));
    v1::StreamAudioResponse response;
    ASSERT_TRUE(publisher_->Read(&response));
    ASSERT_TRUE(response.has_started()) << response.DebugString();
  }

  void subscribe() {
    subscriber_ = features_->Subscribe(&subscriber_context_);
    v1::SubscribeRequest request;
    request.mutable_config()->set_stream("s");
    request.mutable_config()->mutable_features()->set_front_end("whisper-80");
    request.mutable_config()->set_frame(0);
    ASSERT_TRUE(subscriber_->Write(request));
    v1::SubscribeResponse response;
    ASSERT_TRUE(subscriber_->Read(&response));
    ASSERT_TRUE(response.has_start()) << response.DebugString();
  }

  void send_seconds(int seconds) {
    v1::StreamAudioRequest request;
    request.mutable_audio()->set_content(std::string(kSecondBytes, '\x01'));
    for (int i = 0; i < seconds; ++i) ASSERT_TRUE(publisher_->Write(request));
  }

  /// Ends the stream in the ordinary way; all its rows are then in the history.
  void complete() {
    publisher_->WritesDone();
    v1::StreamAudioResponse response;
    bool ended = false;
    while (publisher_->Read(&response)) ended = ended || response.has_ended();
    EXPECT_TRUE(ended);
    EXPECT_TRUE(publisher_->Finish().ok());
  }

  ScratchFolder folder_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<v1::AudioService::Stub> audio_;
  std::unique_ptr<v1::FeatureService::Stub> features_;
  grpc::ClientContext publisher_context_;
  grpc::ClientContext subscriber_context_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(Drain, ReaderGetsEveryFrameAndTheEnd) {
  ASSERT_NO_FATAL_FAILURE(start("60"));
  ASSERT_NO_FATAL_FAILURE(publish());
  ASSERT_NO_FATAL_FAILURE(subscribe());
  ASSERT_NO_FATAL_FAILURE(send_seconds(2));
  v1::SubscribeResponse response;
  std::int64_t next_frame = 0;
  const auto take = [&] {
    if (!response.has_block()) return;
    EXPECT_EQ(response.block().first_frame(), next_frame);
    next_frame += response.block().frame_count();
  };
  while (next_frame < 190 && subscriber_->Read(&response)) take();  // of 200: the last wait for samples to come
  process_->send(SIGTERM);
  while (!response.has_end() && subscriber_->Read(&response)) take();
  ASSERT_TRUE(response.has_end());
  EXPECT_EQ(response.end().reason(), v1::END_REASON_SHUTDOWN);
  EXPECT_EQ(next_frame, 200);
  EXPECT_EQ(response.end().next_frame(), 200);
  const Finished finished = process_->finish();
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.err.find(" totals streams_opened=1 frames_computed=200 frames_delivered=200 frames_gapped=0 "),
            std::string::npos)
      << finished.err;
}

TEST_F(Drain, ReaderThatDoesNotReadIsCutOff) {
  ASSERT_NO_FATAL_FAILURE(start("0.3"));
  ASSERT_NO_FATAL_FAILURE(publish());
  ASSERT_NO_FATAL_FAILURE(subscribe());
  ASSERT_NO_FATAL_FAILURE(send_seconds(30));
  ASSERT_NO_FATAL_FAILURE(complete());
  process_->send(SIGTERM);
  const Finished finished = process_->finish();
  EXPECT_EQ(finished.exit_code, 75) << finished.err;
  EXPECT_NE(finished.err.find(" stopped exit_code=75\n"), std::string::npos) << finished.err;
}

TEST_F(Drain, SecondSignalStopsAtOnce) {
  ASSERT_NO_FATAL_FAILURE(start("600"));
  ASSERT_NO_FATAL_FAILURE(publish());
  ASSERT_NO_FATAL_FAILURE(subscribe());
  ASSERT_NO_FATAL_FAILURE(send_seconds(30));
  ASSERT_NO_FATAL_FAILURE(complete());
  process_->send(SIGTERM);
  EXPECT_EQ(process_->next_notice(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=603000000");
  process_->send(SIGINT);
  const Finished finished = process_->finish();
  EXPECT_EQ(finished.exit_code, 75) << finished.err;
  EXPECT_NE(finished.err.find(" stopped_at_once reason=\"a second signal, INT\" exit_code=75\n"), std::string::npos)
      << finished.err;
}

}  // namespace
}  // namespace melstream::daemon
