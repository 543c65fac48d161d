// Programs connect freely; pages only from listed origins, under names that really are this daemon's.
#include "melstream/audio/ws/ws_admission.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

WsAdmission admission(const std::string& text) {
  SourceUri uri = parse_source_uri(text);
  return {uri, uri.params};
}

/// The status, 101 for a WebSocket.
int status(const WsAdmission& admission, const WsRequest& request) {
  const auto refusal = admission.refuse(request);
  return refusal ? refusal->status : 101;
}

WsRequest request_to(std::string_view host) {
  return {.target = "/", .host = host, .local_host = "127.0.0.1", .local_port = 7000};
}

TEST(WsAdmission, TakesProgramsUnderTheNamesOfTheAddress) {
  const WsAdmission local = admission("ws://localhost:7000");
  EXPECT_EQ(status(local, request_to("127.0.0.1:7000")), 101);
  EXPECT_EQ(status(local, request_to("localhost:7000")), 101);
  EXPECT_EQ(status(local, request_to("LocalHost:7000")), 101);
  EXPECT_EQ(status(local, {.target = "/", .host = "[::1]:7000", .local_host = "::1", .local_port = 7000}), 101);
  EXPECT_EQ(status(local, {.target = "/", .host = "127.0.0.1", .local_host = "127.0.0.1", .local_port = 80}), 101);
}

TEST(WsAdmission, RefusesNamesThatWereMadeToPointHere) {
  const WsAdmission local = admission("ws://127.0.0.1:7000");
  for (const std::string_view host :
       {"evil.example:7000", "evil.example", "127.0.0.1.evil.example:7000", "127.0.0.1:7001", "127.0.0.1", "localhost",
        "localhost:", ":7000", "[::1]:7000", "10.0.0.1:7000"}) {
    EXPECT_EQ(status(local, request_to(host)), 403) << host;
  }
  EXPECT_EQ(status(local, request_to("")), 400);
  EXPECT_EQ(status(local, {.target = "/", .local_host = "127.0.0.1", .local_port = 7000}), 400);
  const auto refusal = local.refuse(request_to("evil.example:7000"));
  EXPECT_THAT(refusal->reason, testing::HasSubstr("hosts="));
}

TEST(WsAdmission, LocalhostIsNoNameOfAnAddressThatOthersReach) {
  const WsAdmission open = admission("ws://0.0.0.0:7000");
  EXPECT_EQ(status(open, {.target = "/", .host = "localhost:7000", .local_host = "10.0.0.2", .local_port = 7000}), 403);
  EXPECT_EQ(status(open, {.target = "/", .host = "10.0.0.2:7000", .local_host = "10.0.0.2", .local_port = 7000}), 101);
  EXPECT_EQ(status(open, {.target = "/", .host = "10.0.0.3:7000", .local_host = "10.0.0.2", .local_port = 7000}), 403);
}

TEST(WsAdmission, TakesListedHosts) {
  const WsAdmission listed = admission("ws://127.0.0.1:7000?hosts=Audio.example,proxy.example:8443");
  EXPECT_EQ(status(listed, request_to("audio.example")), 101);
  EXPECT_EQ(status(listed, request_to("audio.example:9")), 101);
  EXPECT_EQ(status(listed, request_to("proxy.example:8443")), 101);
  EXPECT_EQ(status(listed, request_to("proxy.example")), 403);
  EXPECT_EQ(status(listed, request_to("sub.audio.example")), 403);
}

TEST(WsAdmission, TakesPagesOfListedOriginsOnly) {
  WsRequest request = request_to("127.0.0.1:7000");
  const WsAdmission none = admission("ws://127.0.0.1:7000");
  const WsAdmission listed = admission("ws://127.0.0.1:7000?origins=https://App.example,http://localhost:8000");
  for (const std::string_view origin : {"https://app.example", "http://localhost:8000", "HTTPS://APP.EXAMPLE"}) {
    request.origin = origin;
    EXPECT_EQ(status(none, request), 403) << origin;
    EXPECT_EQ(status(listed, request), 101) << origin;
  }
  for (const std::string_view origin :
       {"https://evil.example", "null", "", "http://app.example", "https://app.example:444",
        "https://app.example.evil.example", "http://localhost", "http://127.0.0.1:7000"}) {
    request.origin = origin;
    EXPECT_EQ(status(listed, request), 403) << origin;
  }
  EXPECT_THAT(listed.refuse(request)->reason, testing::HasSubstr("list it in origins="));
}

TEST(WsAdmission, TakesThePathOfTheUriOnly) {
  const WsAdmission any = admission("ws://127.0.0.1:7000");
  const WsAdmission one = admission("ws://127.0.0.1:7000/mic");
  WsRequest request = request_to("127.0.0.1:7000");
  for (const auto& [target, with_path] : {std::pair("/mic", 101), {"/mic?token=x", 101}, {"/", 404}, {"/mic/", 404}}) {
    request.target = target;
    EXPECT_EQ(status(any, request), 101) << target;
    EXPECT_EQ(status(one, request), with_path) << target;
  }
  request.target = "/a%20b";
  EXPECT_EQ(status(admission("ws://127.0.0.1:7000/a%20b"), request), 101);
}

TEST(WsAdmission, AnswersWithWhatCanBePrinted) {
  const std::string origin = "a\x1b[31m\n" + std::string(5000, 'x');
  WsRequest request = request_to("127.0.0.1:7000");
  request.origin = origin;
  const auto refusal = admission("ws://127.0.0.1:7000").refuse(request);
  EXPECT_LT(refusal->reason.size(), 400U);
  EXPECT_THAT(refusal->reason, testing::HasSubstr("'a?[31m?xxx"));
}

TEST(WsAdmission, RefusesListsThatLetEverybodyIn) {
  for (const std::string list : {"origins=*", "origins=null", "origins=app.example", "origins=https://", "origins=://x",
                                 "origins=https://app.example/", "origins=https://*.example", "origins=", "hosts=*",
                                 "hosts=", "hosts=a,,b", "hosts=http://a"}) {
    EXPECT_THROW(admission("ws://127.0.0.1:7000?" + list), core::Error) << list;
  }
}

}  // namespace
}  // namespace melstream::audio
