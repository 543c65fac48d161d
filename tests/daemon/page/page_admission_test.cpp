// Who gets in: names of the address, the page's own origin, the token of this start.
#include "daemon/page/page_admission.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/page/page_answers.hpp"
#include "daemon/page/page_assets.hpp"

namespace melstream::page {
namespace {

constexpr std::string_view kToken = "0123456789abcdef";

/// 200 for what may.
unsigned status(const PageRequest& request, std::string_view bound_host = "127.0.0.1") {
  const auto refusal = PageAdmission(bound_host, std::string(kToken)).refuse(request);
  return refusal ? refusal->status : 200;
}

PageRequest request_to(std::string_view target, std::string_view host = "127.0.0.1:50072") {
  return {.target = target, .host = host, .origin = {}, .local_host = "127.0.0.1", .local_port = 50072};
}

PageRequest socket_to(std::string_view target) {
  PageRequest request = request_to(target);
  request.origin = "http://127.0.0.1:50072";
  request.is_websocket = true;
  return request;
}

TEST(PageAdmission, TakesTheNamesOfTheAddress) {
  EXPECT_EQ(status(request_to("/")), 200U);
  EXPECT_EQ(status(request_to("/app.js", "localhost:50072")), 200U);
  EXPECT_EQ(status(request_to("/", "LocalHost:50072")), 200U);
  EXPECT_EQ(status({.target = "/", .host = "[::1]:80", .origin = {}, .local_host = "::1", .local_port = 80}, "::1"),
            200U);
}

TEST(PageAdmission, RefusesNamesThatWereMadeToPointHere) {
  for (const std::string_view host : {"evil.example", "evil.example:50072", "127.0.0.1.evil.example:50072", "127.0.0.1",
                                      "127.0.0.1:1", "10.0.0.1:50072", "localhost"}) {
    EXPECT_EQ(status(request_to("/", host)), 403U) << host;
  }
  EXPECT_EQ(status(request_to("/", "")), 400U);
  EXPECT_EQ(status({.target = "/", .host = {}, .origin = {}, .local_host = "127.0.0.1", .local_port = 50072}), 400U);
}

TEST(PageAdmission, RefusesPagesOfOthers) {
  for (const std::string_view origin : {"http://evil.example", "https://127.0.0.1:50072", "http://127.0.0.1:50071",
                                        "http://localhost:50072", "null", ""}) {
    PageRequest request = request_to("/");
    request.origin = origin;
    EXPECT_EQ(status(request), 403U) << origin;
    request = socket_to("/features?token=0123456789abcdef");
    request.origin = origin;
    EXPECT_EQ(status(request), 403U) << origin;
  }
}

TEST(PageAdmission, WantsTheTokenForEachWebSocket) {
  EXPECT_EQ(status(socket_to("/features?token=0123456789abcdef")), 200U);
  EXPECT_EQ(status(socket_to("/microphone?token=0123456789abcdef")), 200U);
  for (const std::string_view target :
       {"/features", "/features?", "/features?token=", "/features?token=0123456789abcdeX",
        "/features?token=0123456789abcde", "/microphone?token=0123456789abcdef0",
        "/microphone?x=1&token=0123456789abcdef"}) {
    EXPECT_EQ(status(socket_to(target)), 403U) << target;
  }
}

TEST(PageAdmission, TellsWebSocketsFromFiles) {
  EXPECT_EQ(status(socket_to("/?token=0123456789abcdef")), 404U);
  EXPECT_EQ(status(request_to("/features?token=0123456789abcdef")), 426U);
  PageRequest post = request_to("/");
  post.is_get = false;
  EXPECT_EQ(status(post), 405U);
}

TEST(PageAdmission, TokensAreLongAndNeverTheSame) {
  const std::string token = make_page_token();
  EXPECT_EQ(token.size(), 64U);
  EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(token, make_page_token());
}

std::string header(const PageHttpResponse& response, const char* name) { return std::string(response[name]); }

TEST(PageAnswers, KeepThePageFromAllButThisDaemon) {
  for (const PageHttpResponse& response : {answer_file("/", "127.0.0.1:50072", "t"),
                                           answer_file("/none", "127.0.0.1:50072", "t"), answer_refusal({403, "no"})}) {
    const std::string policy = header(response, "Content-Security-Policy");
    EXPECT_THAT(policy, testing::StartsWith("default-src 'none'; script-src 'self'; style-src 'self'; "));
    EXPECT_THAT(policy, testing::HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, testing::Not(testing::HasSubstr("unsafe")));
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(response, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(header(response, "Cache-Control"), "no-store");
    EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "");
  }
}

TEST(PageAnswers, OnlyThePageHasTheToken) {
  EXPECT_THAT(answer_file("/", "h", "the-token").body(), testing::HasSubstr("content=\"the-token\""));
  for (const PageAsset& asset : page_assets()) {
    if (asset.path == "/") continue;
    EXPECT_THAT(answer_file(asset.path, "h", "the-token").body(), testing::Not(testing::HasSubstr("the-token")));
  }
  EXPECT_EQ(answer_file("/index.html", "h", "t").result_int(), 404U);
  EXPECT_EQ(answer_file("/../etc/passwd", "h", "t").result_int(), 404U);
}

TEST(PageAnswers, FilesLoadNothingFromElsewhere) {
  for (const PageAsset& asset : page_assets()) {
    for (std::size_t at = asset.content.find("://"); at != std::string_view::npos;
         at = asset.content.find("://", at + 1)) {
      const std::string_view before = asset.content.substr(at < 4 ? 0 : at - 4, 40);
      const bool own = before.find("${location.host}") != std::string_view::npos ||
                       before.find("http://127.0.0.1") != std::string_view::npos ||
                       before.find("http://localhost") != std::string_view::npos ||
                       before.find("http://www.w3.org/2000/svg") != std::string_view::npos;
      EXPECT_TRUE(own) << asset.path << ": " << before;
    }
  }
}

}  // namespace
}  // namespace melstream::page
