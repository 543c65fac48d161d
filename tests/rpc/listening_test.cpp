// Listening sockets, the count of connections, and the accept thread with its wakes.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/rpc/acceptor.hpp"
#include "melstream/rpc/connection_table.hpp"
#include "melstream/rpc/listen_socket.hpp"

namespace melstream::rpc {
namespace {

using Admission = ConnectionTable::Admission;

/// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd() { reset(); }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Fd connect_to(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << std::strerror(errno);
  return fd;
}

class ListeningTest : public ::testing::Test {
 public:
  ~ListeningTest() override { std::filesystem::remove_all(folder_); }

 protected:
  ListeningTest() {
    folder_ = (std::filesystem::temp_directory_path() / "melstream-listen-XXXXXX").string();
    if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = folder_ + "/s.sock";
  }

  static std::string error_of(const std::function<void()>& listen, bool permission = false) {
    try {
      listen();
    } catch (const BindError& error) {
      EXPECT_EQ(error.code(), permission ? core::ErrorCode::kPermissionDenied : core::ErrorCode::kUnavailable);
      return error.what();
    }
    ADD_FAILURE() << "it listens";
    return {};
  }

  std::string folder_;
  std::string path_;
};

TEST_F(ListeningTest, GivesTheSocketFileToItsGroupAndRemovesIt) {
  {
    const ListenSocket socket = ListenSocket::unix_domain(path_);
    EXPECT_EQ(socket.address(), "unix:" + path_);
    EXPECT_FALSE(socket.is_tcp());
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660U);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListeningTest, ReplacesWhatADeadDaemonLeftBehind) {
  {
    Fd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  const ListenSocket socket = ListenSocket::unix_domain(path_);
  connect_to(path_);
}

TEST_F(ListeningTest, RefusesAPathThatAnotherDaemonAnswersOn) {
  const ListenSocket first = ListenSocket::unix_domain(path_);
  const std::string error = error_of([&] { ListenSocket::unix_domain(path_); });
  EXPECT_NE(error.find("already in use by another daemon"), std::string::npos) << error;
  EXPECT_NE(error.find(path_), std::string::npos) << error;
  connect_to(path_);  // the first is unharmed
}

TEST_F(ListeningTest, RefusesAFolderThatEverybodyCanWriteTo) {
  const std::string folder = folder_ + "/open";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  const std::string error = error_of([&] { ListenSocket::unix_domain(folder + "/s.sock"); }, true);
  EXPECT_NE(error.find("chmod o-w " + folder), std::string::npos) << error;
  ASSERT_EQ(chmod(folder.c_str(), 01777), 0);  // as /tmp: nobody can replace another's file
  ListenSocket::unix_domain(folder + "/s.sock");
}

TEST_F(ListeningTest, RefusesAGroupThatThereIsNot) {
  const std::string error = error_of([&] { ListenSocket::unix_domain(path_, "no-such-group"); });
  EXPECT_NE(error.find("no-such-group"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListeningTest, TakesASocketThatItInherits) {
  const ListenSocket made = ListenSocket::unix_domain(path_);
  {
    const ListenSocket inherited = ListenSocket::inherited(dup(made.fd()));
    EXPECT_EQ(inherited.address(), "unix:" + path_);
    EXPECT_FALSE(inherited.is_tcp());
    EXPECT_TRUE(inherited.is_local());
  }
  EXPECT_TRUE(std::filesystem::exists(path_));  // not ours to remove
  Fd other(socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_NE(error_of([&] { ListenSocket::inherited(other.get()); }).find("does not listen"), std::string::npos);
  EXPECT_NE(error_of([&] { ListenSocket::inherited(1000); }).find("LISTEN_FDS"), std::string::npos);
}

TEST_F(ListeningTest, RefusesPathsThatCannotBeSockets) {
  std::ofstream(path_) << "a file";
  EXPECT_NE(error_of([&] { ListenSocket::unix_domain(path_); }).find("no socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_NE(error_of([&] { ListenSocket::unix_domain(folder_ + "/none/s.sock"); }).find("folder"), std::string::npos);
  EXPECT_NE(error_of([&] { ListenSocket::unix_domain(std::string(200, 'x')); }).find("107"), std::string::npos);
}

TEST_F(ListeningTest, TakesAnyPortAndRefusesATakenOne) {
  const ListenSocket socket = ListenSocket::tcp("127.0.0.1:0");
  EXPECT_TRUE(socket.is_tcp());
  EXPECT_EQ(socket.address().rfind("127.0.0.1:", 0), 0U);
  EXPECT_NE(socket.address(), "127.0.0.1:0");
  const std::string error = error_of([&] { ListenSocket::tcp(socket.address()); });
  EXPECT_NE(error.find("already in use"), std::string::npos) << error;
  EXPECT_NE(error.find(socket.address()), std::string::npos) << error;
}

TEST_F(ListeningTest, RefusesAddressesThatAreNone) {
  for (const char* address : {"50071", "127.0.0.1", ":1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999999"}) {
    EXPECT_NE(error_of([&] { ListenSocket::tcp(address); }).find(address), std::string::npos);
  }
}

TEST(ConnectionTable, CountsWhatIsStillOpen) {
  ConnectionTable table({.max_connections = 2});
  std::int64_t now = 1'000'000'000;
  const auto make = [] {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    return std::pair(Fd(ends[0]), Fd(ends[1]));
  };
  auto first = make();
  auto second = make();
  auto third = make();
  EXPECT_EQ(table.add(first.first.get(), "", now), Admission::kAdmitted);
  EXPECT_EQ(table.add(second.first.get(), "", now), Admission::kAdmitted);
  EXPECT_EQ(table.add(third.first.get(), "", now += 1'000'000'000), Admission::kTooMany);
  first.first.reset();
  EXPECT_EQ(table.add(third.first.get(), "", now += 1'000'000'000), Admission::kAdmitted);
  EXPECT_EQ(table.count_live(), 2U);
  // The kernel gives the lowest free number: the one that the table still knows.
  const int number = second.first.get();
  second.first.reset();
  auto fourth = make();
  EXPECT_TRUE(fourth.first.get() == number || fourth.second.get() == number);
  EXPECT_EQ(table.add(number, "", now), Admission::kAdmitted);
  EXPECT_EQ(table.count_live(), 2U);
}

TEST(ConnectionTable, LimitsWhatOneAddressHasAndHowFastItComes) {
  ConnectionTable table({.max_connections = 100, .max_per_address = 2, .new_per_second = 2});
  std::int64_t now = 1'000'000'000;
  std::vector<std::pair<Fd, Fd>> pairs;
  const auto come = [&](const char* address) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pairs.emplace_back(Fd(ends[0]), Fd(ends[1]));
    return table.add(ends[0], address, now);
  };
  EXPECT_EQ(come("192.0.2.1"), Admission::kAdmitted);
  EXPECT_EQ(come("192.0.2.1"), Admission::kAdmitted);
  EXPECT_EQ(come("192.0.2.1"), Admission::kTooManyOfAddress);
  EXPECT_EQ(come("192.0.2.2"), Admission::kAdmitted);
  EXPECT_EQ(come(""), Admission::kAdmitted);
  EXPECT_EQ(come("192.0.2.1"), Admission::kTooManyOfAddress);
  EXPECT_EQ(come("192.0.2.1"), Admission::kTooFast);  // the fifth of a burst of four
  now += 1'000'000'000;
  pairs[0].first.reset();
  EXPECT_EQ(come("192.0.2.1"), Admission::kAdmitted);
  table.set_limits({.max_connections = 100, .max_per_address = 3});
  EXPECT_EQ(come("192.0.2.1"), Admission::kAdmitted);
  EXPECT_EQ(come("192.0.2.1"), Admission::kTooManyOfAddress);
}

TEST(ConnectionTable, TellsOtherMachinesFromThisOne) {
  const auto v4 = [](const char* text) {
    sockaddr_storage storage{};
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    inet_pton(AF_INET, text, &address.sin_addr);
    return foreign_address(storage);
  };
  const auto v6 = [](const char* text) {
    sockaddr_storage storage{};
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, text, &address.sin6_addr);
    return foreign_address(storage);
  };
  EXPECT_EQ(v4("127.0.0.2"), "");
  EXPECT_EQ(v4("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(v6("::1"), "");
  EXPECT_EQ(v6("2001:db8:1:2:3:4:5:6"), v6("2001:db8:1:2::1"));
  EXPECT_NE(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1"));
  EXPECT_EQ(foreign_address({}), "");
  // Of IPv4, on a socket of both families.
  EXPECT_EQ(v6("::ffff:127.0.0.2"), "");
  EXPECT_EQ(v6("::ffff:192.0.2.7"), "192.0.2.7");
}

TEST(ConnectionTable, KnowsWhatAPeerHasNotRead) {
  ConnectionTable table({.max_connections = 2});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  ASSERT_EQ(table.add(ours.get(), "", 0), Admission::kAdmitted);
  EXPECT_TRUE(table.all_taken());
  ASSERT_EQ(write(ours.get(), "ab", 2), 2);
  EXPECT_FALSE(table.all_taken());
  char bytes[2] = {};
  ASSERT_EQ(read(theirs.get(), bytes, 1), 1);
  EXPECT_FALSE(table.all_taken());
  ASSERT_EQ(read(theirs.get(), bytes, 1), 1);
  EXPECT_TRUE(table.all_taken());
  ASSERT_EQ(write(ours.get(), "c", 1), 1);
  ours.reset();
  EXPECT_TRUE(table.all_taken());  // closed: nothing to wait for
}

TEST(ConnectionTable, CutsConnections) {
  ConnectionTable table({.max_connections = 2});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  ASSERT_EQ(table.add(ours.get(), "", 0), Admission::kAdmitted);
  table.cut_all();
  char byte = 0;
  EXPECT_EQ(read(theirs.get(), &byte, 1), 0);  // the end, not a wait
}

TEST(ConnectionTable, LeavesDescriptorsForTheRest) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int n = default_max_connections();
  EXPECT_GE(n, 4);
  EXPECT_LE(n, 1024);
  EXPECT_LT(static_cast<rlim_t>(n), limit.rlim_cur);
}

TEST_F(ListeningTest, HandsDescriptorsOverAndClosesThoseBeyondTheLimit) {
  std::vector<ListenSocket> sockets;
  sockets.push_back(ListenSocket::unix_domain(path_));
  std::mutex mutex;
  std::vector<int> taken;
  Acceptor acceptor(std::move(sockets), {.max_connections = 2},
                    {.hand_over =
                         [&](std::size_t /*listener*/, int fd) {
                           const std::lock_guard lock(mutex);
                           taken.push_back(fd);
                         },
                     .on_wake = [] {}});
  const Fd first = connect_to(path_);
  const Fd second = connect_to(path_);
  const Fd third = connect_to(path_);
  char byte = 0;
  EXPECT_EQ(read(third.get(), &byte, 1), 0);  // closed at once
  const std::lock_guard lock(mutex);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(acceptor.counts().accepted, 2);
  EXPECT_EQ(acceptor.counts().refused, 1);
  int size = 0;
  socklen_t length = sizeof(size);
  ASSERT_EQ(getsockopt(taken[0], SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
  EXPECT_LE(size, 2 * (64 << 10));  // the kernel doubles it
  for (const int fd : taken) close(fd);
}

TEST_F(ListeningTest, TriesAgainOnceDescriptorsAreFree) {
  std::vector<ListenSocket> sockets;
  sockets.push_back(ListenSocket::unix_domain(path_));
  std::promise<void> held;
  std::promise<void> go_on;
  std::promise<int> taken;
  Acceptor acceptor(std::move(sockets), {.max_connections = 2},
                    {.hand_over = [&](std::size_t /*listener*/, int fd) { taken.set_value(fd); },
                     .on_wake =
                         [&] {
                           held.set_value();
                           go_on.get_future().wait();
                         }});
  acceptor.wake();
  held.get_future().wait();  // now the accept thread does nothing else
  const Fd client = connect_to(path_);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = dup(0);
  ASSERT_GE(lowest_free, 0);
  close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  go_on.set_value();
  while (acceptor.counts().out_of_fds == 0) std::this_thread::yield();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  close(taken.get_future().get());
  EXPECT_EQ(acceptor.counts().accepted, 1);
}

TEST_F(ListeningTest, WaitsUntilPeersHaveReadAll) {
  std::vector<ListenSocket> sockets;
  sockets.push_back(ListenSocket::unix_domain(path_));
  std::promise<int> taken;
  Acceptor acceptor(std::move(sockets), {.max_connections = 2},
                    {.hand_over = [&](std::size_t /*listener*/, int fd) { taken.set_value(fd); }, .on_wake = [] {}});
  const Fd client = connect_to(path_);
  const Fd ours(taken.get_future().get());
  const auto now = [] { return std::chrono::steady_clock::now(); };
  EXPECT_TRUE(acceptor.wait_until_taken(now()));
  ASSERT_EQ(write(ours.get(), "a", 1), 1);
  EXPECT_FALSE(acceptor.wait_until_taken(now()));
  EXPECT_FALSE(acceptor.wait_until_taken(now() + std::chrono::milliseconds(30)));
  std::future<bool> all_taken =
      std::async(std::launch::async, [&] { return acceptor.wait_until_taken(now() + std::chrono::seconds(30)); });
  char byte = 0;
  ASSERT_EQ(read(client.get(), &byte, 1), 1);
  EXPECT_TRUE(all_taken.get());
}

TEST_F(ListeningTest, RelaysEveryWakeAndStopsAccepting) {
  std::vector<ListenSocket> sockets;
  sockets.push_back(ListenSocket::unix_domain(path_));
  std::promise<void> once;
  std::promise<void> again;
  int n = 0;  // accept thread
  Acceptor acceptor(std::move(sockets), {.max_connections = 2},
                    {.hand_over = [](std::size_t /*listener*/, int fd) { close(fd); },
                     .on_wake =
                         [&] {
                           ++n;
                           if (n == 1) once.set_value();
                           if (n == 2) again.set_value();
                         }});
  acceptor.wake();
  once.get_future().wait();
  acceptor.stop_accepting();
  EXPECT_FALSE(std::filesystem::exists(path_));
  acceptor.wake();
  again.get_future().wait();
}

}  // namespace
}  // namespace melstream::rpc
