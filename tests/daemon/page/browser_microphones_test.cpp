// Browsers' audio: streams that outlive a connection, gaps of their true length, ends.
#include "daemon/page/browser_microphones.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/audio/ingest.hpp"

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::page {
namespace {

const std::string kKey = "00112233445566778899aabbccddeeff";

std::string start_text(const std::string& key = kKey, int rate = 16000) {
  return R"({"start":{"rate":)" + std::to_string(rate) + R"(,"key":")" + key + "\"}}";
}

class BrowserMicrophonesTest : public test::PipelineTest {
 protected:
  std::unique_ptr<core::OpenStream> open_stream(const core::StreamRequest& request) {
    requests_.push_back(request);
    auto stream = registry_->open({{.id = request.id, .on_takeover = request.on_takeover}}, false).front();
    auto ingest = audio::make_ingest_factory(clock_)(request.format, {&stream->feed()}, request.conceal);
    return std::make_unique<core::OpenStream>(core::OpenStream::Parts{
        .keeps = stream, .ingest = std::move(ingest), .n_readers = [] { return 0; }, .poke = [] {}});
  }
  void send(MicrophoneChannel& channel, std::int64_t first, std::size_t n) {
    std::vector<std::byte> message(kAudioHeaderBytes + n * sizeof(float));
    std::memcpy(message.data(), &first, sizeof first);
    channel.on_binary(message, clock_.mono_ns());
    tick();
  }
  std::string answer(MicrophoneChannel& channel) {
    PageMessage message;
    return channel.next(message, clock_.mono_ns()) ? message.bytes : "";
  }
  MicrophoneChannel started(const std::string& key = kKey) {
    MicrophoneChannel channel(microphones_, clock_.mono_ns());
    channel.on_text(start_text(key), clock_.mono_ns());
    return channel;
  }

  std::vector<core::StreamRequest> requests_;
  BrowserMicrophones microphones_{[this](const core::StreamRequest& request) { return open_stream(request); }};
};

TEST_F(BrowserMicrophonesTest, AStreamBeginsAndIsCompleted) {
  MicrophoneChannel channel = started();
  EXPECT_EQ(answer(channel), R"({"started":{"next_sample":0,"stream":"browser"}})");
  EXPECT_EQ(answer(channel), "");
  send(channel, 0, 1600);
  const auto stream = registry_->find("browser");
  EXPECT_EQ(stream->timeline_samples(), 1600);
  EXPECT_EQ(requests_[0].source_kind, "page");
  channel.on_closed(/*completed=*/true, clock_.mono_ns());
  tick();
  EXPECT_EQ(stream->end_reason(), core::EndReason::kCompleted);
  EXPECT_TRUE(microphones_.empty());
}

TEST_F(BrowserMicrophonesTest, WhoComesAgainGoesOnWithAGapOfItsTrueLength) {
  MicrophoneChannel first = started();
  send(first, 0, 1600);
  first.on_closed(/*completed=*/false, clock_.mono_ns());
  clock_.advance_ms(9'000);
  microphones_.tick(clock_.mono_ns());
  MicrophoneChannel second = started();
  EXPECT_EQ(answer(second), R"({"started":{"next_sample":1600,"stream":"browser"}})");
  send(second, 9600, 1600);
  const auto stream = registry_->find("browser");
  EXPECT_EQ(stream->timeline_samples(), 11200);
  EXPECT_EQ(stream->status().gap_samples, 8000);
  EXPECT_EQ(requests_.size(), 1U);
}

TEST_F(BrowserMicrophonesTest, WhoStaysAwayHasLostTheStream) {
  MicrophoneChannel channel = started();
  send(channel, 0, 1600);
  channel.on_closed(/*completed=*/false, clock_.mono_ns());
  clock_.advance_ms(10'000);
  microphones_.tick(clock_.mono_ns());
  tick();
  EXPECT_EQ(registry_->find("browser")->end_reason(), core::EndReason::kSourceLost);
  MicrophoneChannel again = started();
  EXPECT_EQ(answer(again), R"({"started":{"next_sample":0,"stream":"browser"}})");
}

TEST_F(BrowserMicrophonesTest, WhatIsSentAgainCountsOnce) {
  MicrophoneChannel channel = started();
  send(channel, 0, 1600);
  send(channel, 800, 1600);
  send(channel, 0, 100);
  EXPECT_EQ(registry_->find("browser")->timeline_samples(), 2400);
  EXPECT_EQ(registry_->find("browser")->status().gap_samples, 0);
}

TEST_F(BrowserMicrophonesTest, TheOldConnectionHasNoSayAnyMore) {
  MicrophoneChannel old = started();
  MicrophoneChannel next = started();
  EXPECT_THROW(send(old, 0, 100), core::Error);
  PageMessage message;
  EXPECT_THROW(old.next(message, clock_.mono_ns()), core::Error);
  old.on_closed(/*completed=*/true, clock_.mono_ns());
  send(next, 0, 1600);
  EXPECT_EQ(registry_->find("browser")->timeline_samples(), 1600);
}

TEST_F(BrowserMicrophonesTest, EachPageHasAnIdOfItsOwnAndFourAreEnough) {
  for (int i = 0; i < 4; ++i) {
    MicrophoneChannel channel = started(std::to_string(i) + kKey.substr(1));
  }
  EXPECT_NE(registry_->find("browser-4"), nullptr);
  EXPECT_THROW(started("f" + kKey.substr(1)), core::Error);
}

TEST_F(BrowserMicrophonesTest, ATakeoverEndsIt) {
  MicrophoneChannel channel = started();
  send(channel, 0, 1600);
  const auto stream = registry_->find("browser");
  const auto taker = registry_->open({{.id = "browser"}}, /*takeover=*/true).front();
  PageMessage message;
  EXPECT_THROW(channel.next(message, clock_.mono_ns()), core::Error);
  microphones_.tick(clock_.mono_ns());
  tick();
  EXPECT_EQ(stream->end_reason(), core::EndReason::kTakenOver);
  EXPECT_TRUE(microphones_.empty());
}

TEST_F(BrowserMicrophonesTest, RefusesWhatIsNoAudio) {
  MicrophoneChannel channel(microphones_, clock_.mono_ns());
  EXPECT_THROW(send(channel, 0, 100), core::Error) << "before its start";
  EXPECT_THROW(channel.on_text(start_text(kKey, 7999), clock_.mono_ns()), core::Error);
  channel.on_text(start_text(), clock_.mono_ns());
  EXPECT_THROW(channel.on_text(start_text(), clock_.mono_ns()), core::Error) << "twice";
  EXPECT_THROW(send(channel, std::int64_t{16000} * 3601, 100), core::Error) << "an hour is missing";
}

TEST_F(BrowserMicrophonesTest, SilenceOnTheWireEndsIt) {
  MicrophoneChannel channel = started();
  answer(channel);
  clock_.advance_ms(29'000);
  EXPECT_EQ(answer(channel), "");
  clock_.advance_ms(1'000);
  PageMessage message;
  EXPECT_THROW(channel.next(message, clock_.mono_ns()), core::Error);
}

TEST_F(BrowserMicrophonesTest, TheDrainEndsAll) {
  MicrophoneChannel channel = started();
  send(channel, 0, 1600);
  microphones_.end_all(core::EndReason::kShutdown);
  tick();
  EXPECT_EQ(registry_->find("browser")->end_reason(), core::EndReason::kShutdown);
  channel.on_closed(/*completed=*/false, clock_.mono_ns());
}

}  // namespace
}  // namespace melstream::page
