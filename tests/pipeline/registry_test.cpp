#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using core::ErrorCode;

class RegistryTest : public PipelineTest {
 protected:
  ErrorCode code_of_open(const std::string& id, bool takeover = false) {
    try {
      registry_->open({{.id = id}}, takeover);
    } catch (const core::Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }
};

TEST_F(RegistryTest, RefusesIdsOutsideTheAlphabet) {
  for (const char* id : {"", "a b", "a/b", "\xc3\xa4", "a\n"})
    EXPECT_EQ(code_of_open(id), ErrorCode::kInvalidArgument) << id;
  EXPECT_EQ(code_of_open(std::string(65, 'a')), ErrorCode::kInvalidArgument);
  EXPECT_NO_THROW(open(std::string(64, 'a')));
  EXPECT_NO_THROW(open("A-z_0.9"));
}

TEST_F(RegistryTest, RefusesAnIdThatIsLive) {
  open("s");
  EXPECT_EQ(code_of_open("s"), ErrorCode::kAlreadyExists);
}

TEST_F(RegistryTest, AnIdIsFreeOnceItsPublisherHasEnded) {
  int told = 0;
  auto ended = registry_->open({{.id = "s", .on_takeover = [&told] { ++told; }}}, false).front();
  auto reader = subscribe("s", "whisper-80");
  ended->feed().finish(core::EndReason::kCompleted);  // the tick thread has not seen it yet
  auto next = registry_->open({{.id = "s"}}, false).front();
  EXPECT_EQ(told, 0);
  EXPECT_EQ(registry_->find("s"), next);
  Received received;
  tick();
  drain(*reader, received);
  ASSERT_TRUE(received.ended.has_value());
  EXPECT_EQ(received.ended->reason, core::EndReason::kCompleted);
  EXPECT_EQ(code_of_open("s"), ErrorCode::kAlreadyExists);
}

TEST_F(RegistryTest, TakeoverTellsTheOldPublisherOnceAndStartsANewEpoch) {
  int told = 0;
  auto old_stream = registry_->open({{.id = "s", .on_takeover = [&told] { ++told; }}}, false).front();
  auto reader = subscribe("s", "whisper-80");
  auto new_stream = registry_->open({{.id = "s"}}, true).front();
  EXPECT_EQ(told, 1);
  EXPECT_NE(old_stream->epoch(), new_stream->epoch());
  EXPECT_EQ(registry_->find("s"), new_stream);
  end(*old_stream, core::EndReason::kTakenOver);
  Received received;
  drain(*reader, received);
  ASSERT_TRUE(received.ended.has_value());
  EXPECT_EQ(received.ended->reason, core::EndReason::kTakenOver);
  EXPECT_EQ(registry_->find("s"), new_stream);
}

TEST_F(RegistryTest, TakeoverWorksWhenAllStreamsAreInUse) {
  build({.max_streams = 1});
  open("s");
  for (int i = 0; i < 3; ++i) EXPECT_NO_THROW(registry_->open({{.id = "s"}}, true));
}

TEST_F(RegistryTest, AStreamComputesOnlySoManyFrontEndsAtOnce) {
  auto stream = open("s");
  std::vector<std::unique_ptr<pipeline::Subscription>> readers;
  const auto with_cmvn = [this](float shift) {
    engine::Cmvn cmvn{std::vector<float>(560, shift), std::vector<float>(560, 1.0F)};
    return pipeline::SubscriptionOptions{.stream = "s",
                                         .front_end = catalog_.with_cmvn("paraformer-560", std::move(cmvn))};
  };
  int n = 0;
  try {
    for (; n < 100; ++n)
      readers.push_back(std::make_unique<pipeline::Subscription>(*registry_, with_cmvn(static_cast<float>(n))));
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  }
  EXPECT_EQ(n, 32);
  readers.clear();  // nobody reads them now: they make room
  EXPECT_NO_THROW(pipeline::Subscription(*registry_, with_cmvn(1000.0F)));
  EXPECT_EQ(stream->histories().size(), 1U);
}

TEST_F(RegistryTest, AnIdIsFreeAgainAfterTheEnd) {
  auto stream = open("s");
  end(*stream);
  auto again = open("s");
  EXPECT_NE(again->epoch(), stream->epoch());
}

TEST_F(RegistryTest, OpensAllOrNone) {
  open("s.1");
  EXPECT_THROW(registry_->open({{.id = "s.0"}, {.id = "s.1"}}, false), core::Error);
  EXPECT_EQ(registry_->find("s.0"), nullptr);
}

TEST_F(RegistryTest, RefusesMoreStreamsThanPlanned) {
  build({.max_streams = 2});
  auto first = open("a");
  open("b");
  EXPECT_EQ(code_of_open("c"), ErrorCode::kResourceExhausted);
  end(*first);
  EXPECT_NO_THROW(open("c"));
}

TEST_F(RegistryTest, RefusesStreamsWhileDraining) {
  registry_->drain();
  EXPECT_EQ(code_of_open("s"), ErrorCode::kUnavailable);
}

TEST_F(RegistryTest, ForgetsAnEndedStreamAfterTheHistorysSeconds) {
  build({.history_s = 5.0});
  auto stream = open("s");
  end(*stream);
  clock_.advance_ms(4900);
  registry_->collect();
  EXPECT_NE(registry_->find("s"), nullptr);
  const auto generation = registry_->generation();
  clock_.advance_ms(200);
  registry_->collect();
  EXPECT_EQ(registry_->find("s"), nullptr);
  EXPECT_NE(registry_->generation(), generation);
}

TEST_F(RegistryTest, KeepsNoMoreEndedStreamsThanLiveOnesArePlanned) {
  build({.max_streams = 3});
  for (int i = 0; i < 10; ++i) end(*open("s-" + std::to_string(i)));
  registry_->collect();
  EXPECT_EQ(registry_->all().size(), 3U);
  EXPECT_NE(registry_->find("s-9"), nullptr);
}

TEST_F(RegistryTest, TheEndWipesTheAudio) {
  build({.audio_history_s = 2.0});
  auto stream = open("s");
  begin(*stream);
  write(*stream, std::vector<float>(1000, 0.25F));
  const float* ring = stream->feed().ring().view(0, 1)[0].data();
  tick();
  end(*stream);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(ring[i], 0.0F);
  EXPECT_EQ(stream->audio_history()->held().size(), 0);
}

TEST_F(RegistryTest, AnEndedStreamHoldsNoAudioMemory) {
  build({.audio_history_s = 1.0, .audio_history_bytes = 2 << 16});
  auto stream = open("s");
  begin(*stream);
  publish(*stream, noise(1000, 1));
  end(*stream);
  const auto used = arena_.usage().used_bytes;
  open("s");
  EXPECT_EQ(arena_.usage().used_bytes, used + (1 << 16));  // a ring; the pool keeps its blocks
  EXPECT_EQ(used, 2U << 16);
}

TEST_F(RegistryTest, StatusTellsTimelineGapsLevelAndReaders) {
  build({.audio_history_s = 2.0, .always = {"kaldi-80"}});
  auto stream = open("s");
  auto reader = subscribe("s", "whisper-80");
  begin(*stream, 160);
  publish(*stream, std::vector<float>(1600, 0.5F));
  const auto status = stream->status();
  EXPECT_EQ(status.timeline_samples, 1760);
  EXPECT_EQ(status.gap_samples, 160);
  EXPECT_FLOAT_EQ(status.rms, 0.5F);
  EXPECT_FLOAT_EQ(status.peak, 0.5F);
  EXPECT_EQ(status.n_subscribers, 1);
  EXPECT_EQ(status.front_ends, (std::vector<std::string>{"kaldi-80", "whisper-80"}));
  EXPECT_EQ(status.audio_held, (engine::IndexRange{160, 1760}));
}

TEST_F(RegistryTest, MicrophonesAndFilesHaveAnAudioHistoryOfTheirOwnLength) {
  const auto open_as = [this](const std::string& id, bool local) {
    return registry_->open({{.id = id, .local = local}}, false).front();
  };
  build({.audio_history_s = 0.0, .local_audio_history_s = 3.0});
  EXPECT_EQ(open_as("network", false)->audio_history(), nullptr);
  auto local = open_as("local", true);
  ASSERT_NE(local->audio_history(), nullptr);
  EXPECT_GE(local->audio_history()->max_samples(), 48000);
  begin(*local);
  publish(*local, noise(80000, 1), 1600);
  EXPECT_GE(local->audio_history()->held().size(), 48000);
  local.reset();
  build({.audio_history_s = 3.0, .local_audio_history_s = 0.0});
  EXPECT_NE(open_as("network", false)->audio_history(), nullptr);
  EXPECT_EQ(open_as("local", true)->audio_history(), nullptr);
}

TEST_F(RegistryTest, UnknownFrontEndInAlwaysIsRefusedAtOnce) {
  EXPECT_THROW(build({.always = {"whisper-8"}}), core::Error);
}

}  // namespace
}  // namespace melstream::test
