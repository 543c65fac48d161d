// What resuming stands on: tokens as text, the file of tokens, the pace of acknowledgements and of reconnections.
#include <chrono>

#include "client/ack_pacer.hpp"
#include "client/backoff.hpp"
#include "client/resume_file.hpp"
#include "client/resume_token.hpp"
#include "tests/client/expect_error.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(ResumeToken, IsHexadecimal) {
  const std::string token("\x00\xff\x1a", 3);
  EXPECT_EQ(token_text(token), "00ff1a");
  EXPECT_EQ(parse_token("00ff1a", "--resume"), token);
  EXPECT_EQ(token_text(""), "");
  for (const char* text : {"", "0", "0g", "0x12", "00FF"}) {
    expect_error(ExitCode::kUsage, {"--resume", "no resume token"}, [&] { parse_token(text, "--resume"); });
  }
}

TEST(ResumeFile, KeepsTheTokenOfOneStream) {
  const TempFolder folder;
  ResumeFile file(folder.path("token"), "desk");
  EXPECT_TRUE(file.load().empty());
  file.save({{"desk", "\x01\x02"}}, {});
  EXPECT_EQ(folder.read("token"), "0102\n");
  EXPECT_EQ(file.load(), (ResumeTokens{{"desk", "\x01\x02"}}));
  EXPECT_EQ(folder.names().size(), 1U) << "something temporary is left";
}

TEST(ResumeFile, KeepsTheTokensOfManyStreams) {
  const TempFolder folder;
  const ResumeTokens tokens = {{"a", "\x01"}, {"b", "\xfe"}};
  ResumeFile file(folder.path("tokens"), "");
  file.save(tokens, {});
  EXPECT_EQ(folder.read("tokens"), "{\"a\": \"01\", \"b\": \"fe\"}\n");
  EXPECT_EQ(file.load(), tokens);
  // One of them alone finds its own.
  EXPECT_EQ(ResumeFile(folder.path("tokens"), "b").load(), (ResumeTokens{{"b", "\xfe"}}));
  EXPECT_TRUE(ResumeFile(folder.path("tokens"), "c").load().empty());
}

TEST(ResumeFile, IsDueOnceASecondAndWritesWhatIsNew) {
  const TempFolder folder;
  ResumeFile file(folder.path("token"), "desk");
  const steady_clock::time_point start{};
  EXPECT_TRUE(file.due(start));
  file.save({{"desk", "\x01"}}, start);
  EXPECT_FALSE(file.due(start + milliseconds(999)));
  EXPECT_TRUE(file.due(start + milliseconds(1000)));
  folder.write("token", "gone");
  file.save({{"desk", "\x01"}}, start);
  EXPECT_EQ(folder.read("token"), "gone") << "the same token was written again";
  file.save({{"desk", "\x02"}}, start);
  EXPECT_EQ(folder.read("token"), "02\n");
}

TEST(ResumeFile, SaysWhatIsWrongWithAFile) {
  const TempFolder folder;
  expect_error(ExitCode::kInput, {"single stream"}, [&] { ResumeFile(folder.write("x", "0102\n"), "").load(); });
  expect_error(ExitCode::kInput, {"no resume token"}, [&] { ResumeFile(folder.write("x", "hello"), "desk").load(); });
  expect_error(ExitCode::kInput, {"JSON"}, [&] { ResumeFile(folder.write("x", "{\"desk\": "), "desk").load(); });
  expect_error(ExitCode::kInput, {"no resume token"},
               [&] { ResumeFile(folder.write("x", "{\"desk\": 7}"), "desk").load(); });
  expect_error(ExitCode::kInput, {"no regular file"}, [&] { ResumeFile("/dev/null", "desk"); });
  ResumeFile nowhere(folder.path("none/token"), "desk");
  expect_error(ExitCode::kInput, {"cannot be written"}, [&] { nowhere.save({{"desk", "\x01"}}, {}); });
  EXPECT_TRUE(ResumeFile(folder.write("x", " \n"), "desk").load().empty());
}

TEST(AckPacer, TheFirstGoesAtOnceTheOthersEachHalfSecond) {
  AckPacer pacer;
  const steady_clock::time_point start{};
  EXPECT_FALSE(pacer.due(0, start)) << "nothing was read";
  EXPECT_FALSE(pacer.due_at(0).has_value());
  EXPECT_TRUE(pacer.due(1, start));
  pacer.sent(1, start);
  EXPECT_FALSE(pacer.due(1, start + std::chrono::hours(1))) << "nothing is new";
  EXPECT_FALSE(pacer.due_at(1).has_value());
  EXPECT_FALSE(pacer.due(9, start + milliseconds(499)));
  EXPECT_EQ(pacer.due_at(9), start + milliseconds(500));
  EXPECT_TRUE(pacer.due(9, start + milliseconds(500)));
  pacer.sent(9, start + milliseconds(700));
  EXPECT_FALSE(pacer.due(10, start + milliseconds(1199)));
  EXPECT_TRUE(pacer.due(10, start + milliseconds(1200)));
}

TEST(Backoff, DoublesUpToFiveSecondsAndBeginsAnewOnceThereWasAnAnswer) {
  Backoff backoff;
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    EXPECT_EQ(backoff.next(), milliseconds(expected));
  }
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(100));
}

}  // namespace
}  // namespace melstream::client
