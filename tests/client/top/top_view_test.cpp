// The lines of `melstream top`.
#include "client/top/top_view.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/client/top/looks.hpp"

namespace melstream::client {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TopModel many_streams(int n) {
  TopLook look = make_look(1);
  for (int i = 0; i < n; ++i) {
    v1::StreamInfo& stream = add_stream(look, "stream-" + std::to_string(100'000 + i));
    stream.set_rms_dbfs(-20);
    stream.add_front_ends("kaldi-80");
    (*stream.mutable_labels())["room"] = "3";
  }
  TopModel model;
  model.update(look);
  return model;
}

TEST(TopView, FitsTheTerminalWhateverItsSize) {
  const TopModel model = many_streams(5000);
  for (const int width : {1, 20, 80, 300}) {
    for (const int height : {1, 5, 8, 24, 200}) {
      for (const bool subscribers : {false, true}) {
        const TopPage page = draw_top(model, {.subscribers = subscribers}, "here", width, height);
        EXPECT_LE(page.lines.size(), static_cast<std::size_t>(height));
        for (const std::string& line : page.lines) EXPECT_LE(line.size(), static_cast<std::size_t>(width));
      }
    }
  }
}

TEST(TopView, ShowsTheRowsThatFitAndScrolls) {
  const TopModel model = many_streams(5000);
  const TopPage page = draw_top(model, {.skip = 4000}, "here", 200, 24);
  EXPECT_EQ(page.n_rows, 5000U);
  ASSERT_EQ(page.lines.size(), 24U);
  EXPECT_EQ(page.lines[page.heading].rfind("STREAM", 0), 0U);
  EXPECT_EQ(page.lines[page.heading + 1].rfind("stream-104000", 0), 0U);
  EXPECT_TRUE(contains(page.lines[page.heading + 1], "kaldi-80"));
  EXPECT_TRUE(contains(page.lines[page.heading + 1], "room=3"));
  EXPECT_TRUE(contains(page.lines[page.heading + 1], "[#######---]"));
  EXPECT_TRUE(contains(page.lines.back(), "q quit"));
}

TEST(TopView, WithoutATerminalAllRowsAndNoKeys) {
  const TopPage page = draw_top(many_streams(300), {.keys = false}, "here", 500, 0);
  EXPECT_EQ(page.lines.size(), page.heading + 1 + 300);
}

TEST(TopView, WhatClientsNameCannotMoveTheCursor) {
  TopLook look = make_look(1);
  (*add_stream(look, "a").mutable_labels())["evil"] = "\x1b[2J\n\xC3\xA4";
  v1::SubscriptionInfo& subscription = add_subscription(look, "labels: \x1b[H", 1);
  subscription.set_peer("\x1b]0;x\a");
  TopModel model;
  model.update(look);
  for (const bool subscribers : {false, true}) {
    for (const std::string& line : draw_top(model, {.subscribers = subscribers}, "here", 300, 24).lines) {
      EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; })) << line;
    }
  }
}

TEST(TopView, SaysWhatIsNotKnownYetAndWhatIsWrong) {
  TopLook look = make_look(5);
  look.subscriptions_error = "not for you";
  look.info.set_streams_shed(3);
  add_stream(look, "digital-silence").set_rms_dbfs(-INFINITY);
  TopModel model;
  model.update(look);
  const TopPage streams = draw_top(model, {}, "here", 300, 24);
  EXPECT_TRUE(contains(streams.lines[1], "tick busy - of 10 ms"));
  EXPECT_TRUE(contains(streams.lines[3], "shed 3"));
  EXPECT_TRUE(contains(streams.lines[streams.heading + 1], "-inf"));
  const TopPage readers = draw_top(model, {.subscribers = true}, "here", 300, 24);
  EXPECT_EQ(readers.lines[readers.heading + 1], "not for you");
}

TEST(TopView, JsonHasEverything) {
  const std::string json = top_json(many_streams(2), {}, "here");
  EXPECT_TRUE(contains(json, "\"stream\": \"stream-100001\""));
  EXPECT_TRUE(contains(json, "\"lost_seconds_per_second\": null"));
  EXPECT_TRUE(contains(json, "\"subscriptions\": []"));
}

}  // namespace
}  // namespace melstream::client
