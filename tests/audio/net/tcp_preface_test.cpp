// How a connection's first bytes are told apart: a header line or PCM.
#include "melstream/audio/net/tcp_preface.hpp"

#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

using State = TcpPreface::State;

struct Result {
  State state;
  std::string text;
  std::size_t n_taken;
};

/// @param n_at_once bytes of each piece.
Result read(const std::string& bytes, HeaderMode mode = HeaderMode::kAuto, std::size_t n_at_once = 1) {
  TcpPreface preface(mode);
  std::size_t n_taken = 0;
  while (n_taken < bytes.size() && preface.state() == State::kOpen) {
    const auto piece = std::as_bytes(std::span(bytes)).subspan(n_taken);
    n_taken += preface.take(piece.first(std::min(n_at_once, piece.size())));
  }
  return {preface.state(), std::string(preface.text()), n_taken};
}

std::string refusal(const std::string& bytes, HeaderMode mode, bool ends = false) {
  TcpPreface preface(mode);
  try {
    preface.take(std::as_bytes(std::span(bytes)));
    if (ends) preface.take_end();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find(kPcmHeaderExample), std::string::npos) << error.what();
    return error.what();
  }
  return "taken";
}

TEST(TcpPreface, ALineThatBeginsAsAnObjectIsTheHeader) {
  for (const std::size_t n_at_once : {1U, 2U, 7U, 100U}) {
    const Result result = read("{\"rate\":8000}\nPCM", HeaderMode::kAuto, n_at_once);
    EXPECT_EQ(result.state, State::kHeader);
    EXPECT_EQ(result.text, "{\"rate\":8000}");
    EXPECT_EQ(result.n_taken, 14U);
  }
  EXPECT_EQ(read("{}\n").text, "{}");
  EXPECT_EQ(read("{ \t\"rate\":8000}\r\n").text, "{ \t\"rate\":8000}\r");
}

TEST(TcpPreface, OtherFirstBytesArePcm) {
  const std::string zeros(4, '\0');
  EXPECT_EQ(read(zeros).state, State::kPcm);
  EXPECT_EQ(read(zeros).n_taken, 1U);
  // A sample whose low byte is '{' decides nothing yet.
  const Result brace = read("{\x01more");
  EXPECT_EQ(brace.state, State::kPcm);
  EXPECT_EQ(brace.text, "{\x01");
  EXPECT_EQ(read("{  x").text, "{  x");
}

TEST(TcpPreface, WithoutHeadersAllIsPcm) {
  const Result result = read("{\"rate\":8000}\n", HeaderMode::kNone);
  EXPECT_EQ(result.state, State::kPcm);
  EXPECT_EQ(result.text, "{");  // no more than what tells it from an HTTP request
}

TEST(TcpPreface, ARequiredHeaderMustBeThere) {
  EXPECT_EQ(read("{\"rate\":8000}\n", HeaderMode::kRequired).state, State::kHeader);
  EXPECT_NE(refusal("abc", HeaderMode::kRequired).find("header=required"), std::string::npos);
  EXPECT_NE(refusal("{abc", HeaderMode::kRequired).find("no JSON object"), std::string::npos);
}

TEST(TcpPreface, AHeaderThatNeverEndsIsRefused) {
  const std::string endless = "{\"" + std::string(kMaxPcmHeaderBytes - 3, 'x');
  EXPECT_EQ(read(endless, HeaderMode::kAuto, 1000).state, State::kOpen);
  EXPECT_NE(refusal(endless + "x", HeaderMode::kAuto).find("header=none"), std::string::npos);
  EXPECT_NE(refusal("{" + std::string(kMaxPcmHeaderBytes, ' '), HeaderMode::kAuto).find("more than 4096"),
            std::string::npos);
}

TEST(TcpPreface, TheEndDecidesToo) {
  TcpPreface brace(HeaderMode::kAuto);
  const std::string bytes = "{";
  brace.take(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(brace.state(), State::kOpen);
  brace.take_end();
  EXPECT_EQ(brace.state(), State::kPcm);
  EXPECT_EQ(brace.text(), "{");
  EXPECT_NE(refusal("{\"rate\":8000}", HeaderMode::kAuto, true).find("ended inside its header"), std::string::npos);
  EXPECT_NE(refusal("{", HeaderMode::kRequired, true).find("ended inside its header"), std::string::npos);
  EXPECT_EQ(refusal("", HeaderMode::kRequired, true), "taken");
}

TEST(TcpPreface, LetsNoWebPageIn) {
  for (const HeaderMode mode : {HeaderMode::kAuto, HeaderMode::kNone}) {
    EXPECT_NE(refusal("POST / HTTP/1.1\r\nHost: 127.0.0.1", mode).find("HTTP request"), std::string::npos);
    EXPECT_NE(refusal("GET / HTTP/1.1", mode).find("HTTP request"), std::string::npos);
    EXPECT_NE(refusal("OPTIONS * HTTP/1.1", mode).find("HTTP request"), std::string::npos);
    EXPECT_EQ(refusal("GETA", mode), "taken");  // as PCM
    EXPECT_EQ(refusal("PO", mode, true), "taken");
  }
}

}  // namespace
}  // namespace melstream::audio
