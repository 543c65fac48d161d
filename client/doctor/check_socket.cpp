// A unix socket's file says who may talk to the daemon; its folder says who may replace it.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/doctor/checks.hpp"

namespace melstream::client::doctor {
namespace {

constexpr char kCheck[] = "socket";

bool is_in_group(const Machine& machine, gid_t group) {
  return std::find(machine.groups.begin(), machine.groups.end(), group) != machine.groups.end();
}

/// Write permission is what connect() wants. Of the modes alone, so that root learns what others meet.
bool may_connect(const Machine& machine, const struct stat& info) {
  if (machine.user == 0) return true;
  if (machine.user == info.st_uid) return (info.st_mode & S_IWUSR) != 0;
  if (is_in_group(machine, info.st_gid)) return (info.st_mode & S_IWGRP) != 0;
  return (info.st_mode & S_IWOTH) != 0;
}

void check_folder(const std::filesystem::path& folder, Findings& findings) {
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return;  // the socket's own line says it
  if ((info.st_mode & S_IWOTH) == 0) return;
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  findings.push_back(
      {sticky ? Verdict::kWarning : Verdict::kFail, kCheck,
       "everybody may write to its folder " + folder.string() + " (" + mode_text(info.st_mode) + ")" +
           (sticky ? ", and so take the socket's name first" : ", and so replace the socket by their own"),
       "put it into a folder that others cannot write to (server.socket), or 'chmod o-w " + folder.string() + "'"});
}

/// 0, or errno. Sets the listener's process.
int connect_to(const std::string& path, pid_t& pid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = 0;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) error = errno;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) pid = peer.pid;
  close(fd);
  return error;
}

void check_file(const Machine& machine, const std::string& path, const struct stat& info, Findings& findings) {
  const std::string owner = user_name(info.st_uid) + ":" + group_name(info.st_gid);
  const std::string shown = "unix:" + path + " (" + owner + " " + mode_text(info.st_mode) + ")";
  if (!may_connect(machine, info)) {
    const std::string join = "join its group: 'usermod -aG " + group_name(info.st_gid) + " " + user_name(machine.user) +
                             "', then log in again";
    // Root's group opens far more than a socket.
    const std::string give = "give it to a group for its users: server.socket_group in the daemon's config";
    findings.push_back({Verdict::kFail, kCheck, shown + ": you (" + user_name(machine.user) + ") may not use it",
                        info.st_gid == 0 ? give : join});
  } else if ((info.st_mode & S_IWOTH) != 0) {
    findings.push_back({Verdict::kWarning, kCheck, shown + ": everybody on this machine may use it",
                        "chmod o-rwx " + path + "; the daemon makes it 0660"});
  } else {
    findings.push_back({Verdict::kOk, kCheck, shown + ", you may use it", ""});
  }
}

}  // namespace

void check_socket(const Machine& machine, const std::string& path, bool is_wanted, DaemonState& daemon,
                  Findings& findings) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    const int error = errno;
    if (error == ENOENT && !is_wanted) return;
    const bool forbidden = error == EACCES;
    findings.push_back({Verdict::kFail, kCheck, "unix:" + path + ": " + std::strerror(error),
                        forbidden ? "you may not enter its folder: join the group that may"
                                  : "start the daemon that makes it; is server.socket in its config this path?"});
    return;
  }
  if (!S_ISSOCK(info.st_mode)) {
    findings.push_back({Verdict::kFail, kCheck, path + " is in the way: it is no socket", "move it, start the daemon"});
    return;
  }
  check_file(machine, path, info, findings);
  check_folder(std::filesystem::path(path).parent_path(), findings);
  const int error = connect_to(path, daemon.pid);
  if (error == ECONNREFUSED) {
    findings.push_back({Verdict::kFail, kCheck, "unix:" + path + " is dead: nobody listens, its daemon was killed",
                        "start the daemon: it replaces the file"});
  } else if (error != 0 && error != EAGAIN && error != EACCES) {
    findings.push_back({Verdict::kFail, kCheck, "unix:" + path + ": " + std::strerror(error), "see the daemon's log"});
  }
}

}  // namespace melstream::client::doctor
