// Is there a daemon, and is it well?
#include <string>

#include "client/connection.hpp"
#include "client/doctor/checks.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

constexpr char kCheck[] = "daemon";

/// find_server()'s message without its last line of advice, on one line.
std::string on_one_line(std::string text) {
  if (const std::size_t advice = text.rfind('\n'); advice != std::string::npos) text.resize(advice);
  // Each address that was tried is on a line of its own, indented.
  for (std::size_t at = 0; (at = text.find("\n  ", at)) != std::string::npos;)
    text.replace(at, 3, at > 0 && text[at - 1] == ':' ? " " : ", ");
  return text;
}

void judge(const v1::GetServerInfoResponse& info, Findings& findings) {
  if (info.draining()) {
    findings.push_back({Verdict::kFail, kCheck, "it is draining: it takes no new streams and ends soon",
                        "wait for its successor, or start one"});
  }
  if (info.engine_losses() > 0) {
    findings.push_back({Verdict::kWarning, "engine", "it lost its engine: " + info.engine_loss_reason(),
                        "nothing is lost, the CPU goes on; mend the GPU, then restart the daemon"});
  }
  constexpr std::int64_t kFullPercent = 90;
  if (info.max_streams() > 0 && std::int64_t{info.stream_count()} * 100 >= info.max_streams() * kFullPercent) {
    findings.push_back({Verdict::kWarning, "streams",
                        std::to_string(info.stream_count()) + " of at most " + std::to_string(info.max_streams()) +
                            " streams are open",
                        "raise stream.max_streams before it is full"});
  }
  if (info.streams_shed() > 0) {
    findings.push_back({Verdict::kWarning, "overload",
                        std::to_string(info.streams_shed()) + " streams are shed: the engine cannot carry all",
                        "fewer streams or front ends, more engine.threads, or a GPU"});
  }
}

/// What can capture there, as the daemon itself sees it.
void ask_devices(const Connection& connection, Findings& findings) {
  try {
    const auto devices = connection.list_devices();
    const std::string n = std::to_string(devices.devices_size());
    findings.push_back({Verdict::kOk, "devices",
                        devices.devices().empty()
                            ? "the daemon sees no microphone: streams come from the network and files"
                            : "the daemon sees " + n + " that capture",
                        devices.devices().empty() ? "" : "'melstream devices' lists them"});
  } catch (const ClientError& error) {
    if (error.code() == ExitCode::kPermission) {
      findings.push_back({Verdict::kOk, "devices", "not asked for: that takes the role admin", ""});
      return;
    }
    findings.push_back({Verdict::kWarning, "devices",
                        "the daemon cannot list microphones: " + std::string(error.what()),
                        "is a sound server stuck? See its log"});
  }
}

}  // namespace

void check_daemon(const std::vector<ServerAddress>& candidates, ServerOption option, DaemonState& daemon,
                  Findings& findings) {
  try {
    option.address = find_server(candidates).text();
    const Connection connection(option);
    const v1::GetServerInfoResponse info = connection.server_info();
    findings.push_back({Verdict::kOk, kCheck,
                        connection.server() + " answers: version " + info.version() + ", engine " +
                            info.engine().backend() + " " + info.engine().target() + ", " +
                            std::to_string(info.stream_count()) + " of " + std::to_string(info.max_streams()) +
                            " streams",
                        ""});
    judge(info, findings);
    ask_devices(connection, findings);
    daemon.info = info;
  } catch (const ClientError& error) {
    const bool answered = dynamic_cast<const CallError*>(&error) != nullptr;  // then the message says what to do
    const bool forbidden = error.code() == ExitCode::kPermission;
    findings.push_back({Verdict::kFail, kCheck, on_one_line(error.what()),
                        answered ? ""
                        : forbidden
                            ? "ask for access to the socket (its group), or name another server with --server"
                            : "start it: 'systemctl start melstreamd', or 'melstreamd'; or name it with --server"});
  }
}

}  // namespace melstream::client::doctor
