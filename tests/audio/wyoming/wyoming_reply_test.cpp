// Answers are whole events: a line of JSON each.
#include "melstream/audio/wyoming/wyoming_reply.hpp"

#include <gtest/gtest.h>

namespace melstream::audio {
namespace {

TEST(WyomingReply, IsOneLine) {
  EXPECT_EQ(wyoming_info(),
            "{\"data\":{\"asr\":[],\"handle\":[],\"intent\":[],\"mic\":[],\"snd\":[],\"tts\":[],\"wake\":[]},"
            "\"type\":\"info\"}\n");
  EXPECT_EQ(wyoming_pong("a\n\"b\""), "{\"data\":{\"text\":\"a\\n\\\"b\\\"\"},\"type\":\"pong\"}\n");
  EXPECT_EQ(wyoming_error("no", "format"), "{\"data\":{\"code\":\"format\",\"text\":\"no\"},\"type\":\"error\"}\n");
}

TEST(WyomingReply, IsUtf8WhateverItRepeats) {
  EXPECT_EQ(wyoming_pong("\xff"), "{\"data\":{\"text\":\"\xef\xbf\xbd\"},\"type\":\"pong\"}\n");
}

}  // namespace
}  // namespace melstream::audio
