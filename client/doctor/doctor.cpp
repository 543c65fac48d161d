// melstream doctor: all checks, one line each.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "client/commands.hpp"
#include "client/doctor/checks.hpp"

namespace melstream::client {
namespace {

using doctor::DaemonConfig;
using doctor::DaemonState;
using doctor::Findings;
using doctor::Machine;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

bool is_parsable(const std::string& address, ServerAddress& parsed) {
  try {
    parsed = parse_server_address(address);
    return true;
  } catch (const ClientError&) {
    return false;  // port 0, or what --check-config complains of
  }
}

/// What the user named; else what the config says; else where every client looks.
std::vector<ServerAddress> candidates_of(const DoctorOptions& options, const DaemonConfig& config,
                                         const Machine& machine) {
  const std::string named = environment("MELSTREAM_SERVER");
  if (!options.common.server.address.empty() || !named.empty()) {
    return candidate_servers(options.common.server.address, named, machine.runtime_folder);
  }
  std::vector<std::string> texts;
  if (config.socket && !config.socket->empty()) texts.push_back("unix:" + *config.socket);
  for (const std::string& path : config.role_sockets) texts.push_back("unix:" + path);
  for (const std::string& text : config.listen.value_or(std::vector<std::string>{})) texts.push_back(text);
  for (const std::string& text : config.listen_tls) texts.push_back("tls:" + text);
  std::vector<ServerAddress> candidates;
  ServerAddress address;
  for (const std::string& text : texts) {
    if (is_parsable(text, address)) candidates.push_back(address);
  }
  return candidates.empty() ? candidate_servers("", "", machine.runtime_folder) : candidates;
}

void check_sockets(const DoctorOptions& options, const DaemonConfig& config, const Machine& machine,
                   const std::vector<ServerAddress>& candidates, DaemonState& daemon, Findings& findings) {
  const bool named = !options.common.server.address.empty() || !environment("MELSTREAM_SERVER").empty() ||
                     config.socket || !config.role_sockets.empty();
  for (const ServerAddress& address : candidates) {
    if (address.is_unix) check_socket(machine, address.path, named, daemon, findings);
  }
}

DaemonConfig with_certificates(DaemonConfig config, const DoctorOptions& options) {
  if (!options.certificate.empty()) config.certificate = options.certificate;
  if (!options.key.empty()) config.key = options.key;
  return config;
}

}  // namespace

ExitCode run_doctor(const DoctorOptions& options) {
  if (!options.model.empty()) return run_doctor_model(options);
  const Machine machine = doctor::this_machine();
  Findings findings;
  DaemonState daemon;
  const DaemonConfig config = with_certificates(check_config(machine, options.config, daemon, findings), options);
  const std::vector<ServerAddress> candidates = candidates_of(options, config, machine);
  check_sockets(options, config, machine, candidates, daemon, findings);
  check_daemon(candidates, options.common.server, daemon, findings);
  check_limits(machine, daemon, findings);
  check_gpu(machine, daemon, config.backend, findings);
  check_sound(machine, findings);
  check_certificates(machine, config, findings);
  check_tokens(machine, config.tokens, findings);
  check_clock(machine, findings);
  if (options.common.json) {
    std::printf("%s\n", to_json(findings).c_str());
  } else {
    for (const auto& finding : findings) std::printf("%s\n", to_line(finding).c_str());
  }
  return any_failed(findings) ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace melstream::client
