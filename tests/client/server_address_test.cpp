#include "client/server_address.hpp"

#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/client/expect_error.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

std::vector<std::string> texts(const std::vector<ServerAddress>& servers) {
  std::vector<std::string> list;
  for (const auto& server : servers) list.push_back(server.text());
  return list;
}

using Texts = std::vector<std::string>;

TEST(ServerAddress, UnderstandsWhatUsersWrite) {
  EXPECT_EQ(parse_server_address("unix:/run/x.sock").grpc_target(), "unix:/run/x.sock");
  EXPECT_EQ(parse_server_address("unix:///run/x.sock").path, "/run/x.sock");
  EXPECT_EQ(parse_server_address("unix:x.sock").path, "x.sock");
  const ServerAddress tcp = parse_server_address("host.example:50071");
  EXPECT_EQ(tcp.host, "host.example");
  EXPECT_EQ(tcp.port, "50071");
  const ServerAddress six = parse_server_address("[::1]:80");
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.grpc_target(), "[::1]:80");
}

TEST(ServerAddress, RefusesTheRest) {
  for (const char* text : {"", "localhost", "/run/x.sock", "unix:", ":50071", "host:", "host:0", "host:65536",
                           "host:8o", "::1:80", "http://host:80"}) {
    expect_error(ExitCode::kUsage, {text, "unix:PATH"}, [&] { parse_server_address(text); });
  }
}

TEST(CandidateServers, NamedOneIsTheOnlyOne) {
  EXPECT_EQ(texts(candidate_servers("h:1", "h:2", "/run/user/1")), Texts{"h:1"});
  EXPECT_EQ(texts(candidate_servers("", "h:2", "/run/user/1")), Texts{"h:2"});
}

TEST(CandidateServers, UserSocketComesBeforeSystemSocketAndTcp) {
  EXPECT_EQ(texts(candidate_servers("", "", "/run/user/1")),
            (Texts{"unix:/run/user/1/melstream.sock", "unix:/run/melstream/melstream.sock", "127.0.0.1:50071"}));
  EXPECT_EQ(texts(candidate_servers("", "", "")), (Texts{"unix:/run/melstream/melstream.sock", "127.0.0.1:50071"}));
}

TEST(FindServer, TakesTheFirstThatAnswers) {
  const TempFolder folder;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, folder.path("b.sock").c_str());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  const auto found = find_server(
      {parse_server_address("unix:" + folder.path("a.sock")), parse_server_address("unix:" + folder.path("b.sock"))});
  EXPECT_EQ(found.path, folder.path("b.sock"));
  close(listener);
}

TEST(FindServer, NamesThoseTriedAndHowToStartTheDaemon) {
  const TempFolder folder;
  folder.write("file", "");
  const std::string first = folder.path("a.sock");
  const std::string second = folder.path("file");
  expect_error(ExitCode::kUnavailable, {first.c_str(), second.c_str(), "melstreamd", "--server"}, [&] {
    find_server({parse_server_address("unix:" + first), parse_server_address("unix:" + second)});
  });
}

TEST(FindServer, RefusesAPathThatNoSocketCanHave) {
  const std::string path(200, 'x');
  expect_error(ExitCode::kUnavailable, {"too long"}, [&] { find_server({parse_server_address("unix:/" + path)}); });
}

}  // namespace
}  // namespace melstream::client
