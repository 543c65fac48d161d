// melstream subscribe: follows one front end of one stream, or of many.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "client/backoff.hpp"
#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/interrupt.hpp"
#include "client/response_writer.hpp"
#include "client/resume_token.hpp"
#include "client/subscription_request.hpp"
#include "client/subscription_session.hpp"

namespace melstream::client {
namespace {

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return ends_with(path, "/") || std::filesystem::is_directory(path, error);
}

bool writes_npy(const SubscribeOptions& options) {
  return ends_with(options.out_path, ".npy") || (is_folder(options.out_path) && options.format == "npy");
}

/// A file for each stream: more than a shell allows at first.
void allow_many_files() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::unique_ptr<ResponseWriter> make_file_writer(const SubscribeOptions& options, bool many, bool resuming) {
  const BlockJsonOptions json{!options.no_values, options.crc};
  const bool fill_gaps = options.fill_gaps == "nan";
  const std::string& path = options.out_path;
  if (is_folder(path)) {
    if (options.format != "npy" && options.format != "jsonl") {
      throw ClientError(ExitCode::kUsage, "--format '" + options.format + "': use npy or jsonl");
    }
    allow_many_files();
    const bool npy = options.format == "npy";
    return make_folder_writer(path, "." + options.format, [json, fill_gaps, npy](const std::string& file) {
      return npy ? make_npy_writer(file, fill_gaps) : make_json_writer(file, json);
    });
  }
  if (ends_with(path, ".npy")) {
    if (many) {
      throw ClientError(ExitCode::kUsage, "--out '" + path +
                                              "': one .npy cannot hold many streams; use a folder (--out features/ "
                                              "makes a STREAM.EPOCH.npy for each) or X.jsonl");
    }
    std::error_code error;
    if (resuming && std::filesystem::exists(path, error)) {
      throw ClientError(ExitCode::kUsage, "--out '" + path +
                                              "' is there, and would be replaced by what comes after the token: use "
                                              "another name, a folder, or X.jsonl, which is appended to");
    }
    return make_npy_writer(path, fill_gaps);
  }
  if (ends_with(path, ".jsonl")) return make_json_writer(path, json, resuming);
  throw ClientError(ExitCode::kUsage, "--out '" + path +
                                          "': use a name that ends in .npy or .jsonl, - for standard output, or a "
                                          "folder (FOLDER/)");
}

std::vector<std::unique_ptr<ResponseWriter>> make_writers(const SubscribeOptions& options, bool many, bool resuming) {
  if (!options.fill_gaps.empty() && options.fill_gaps != "nan") {
    throw ClientError(ExitCode::kUsage, "--fill-gaps '" + options.fill_gaps + "': use nan");
  }
  const std::string& path = options.out_path;
  const bool json_on_stdout = options.common.json || path == "-";
  const bool json = json_on_stdout || ends_with(path, ".jsonl") || (is_folder(path) && options.format == "jsonl");
  if ((options.crc || options.no_values) && !json) {
    throw ClientError(ExitCode::kUsage, "--crc and --no-values are for JSON lines: add --json or --out X.jsonl");
  }
  std::vector<std::unique_ptr<ResponseWriter>> writers;
  if (!path.empty() && path != "-") writers.push_back(make_file_writer(options, many, resuming));
  if (json_on_stdout) {
    writers.push_back(make_json_writer("-", {!options.no_values, options.crc}));
  } else if (path.empty()) {
    writers.push_back(make_text_writer(many));
  }
  return writers;
}

/// Where an earlier run came to.
ResumeTokens earlier_tokens(const SubscribeOptions& options, const v1::SubscribeConfig& config,
                            const std::optional<ResumeFile>& file) {
  if (options.resume.empty()) return file ? file->load() : ResumeTokens();
  if (config.has_streams()) {
    throw ClientError(ExitCode::kUsage, "--resume has the token of one stream; for many use --resume-file");
  }
  return {{config.stream(), parse_token(options.resume, "--resume")}};
}

/// A daemon that knows the front end; with --reconnect one that is yet to start is waited for. Nothing where the user
/// stopped that. Throws ClientError.
std::optional<Connection> connect(const SubscribeOptions& options, const std::string& front_end,
                                  const Interrupt& interrupt, std::optional<v1::FrontEndInfo>& info) {
  Backoff backoff;
  bool told = false;
  while (true) {
    try {
      Connection connection(options.common.server);
      info = connection.front_end(front_end);
      return connection;
    } catch (const ClientError& error) {
      if (!options.reconnect || error.code() != ExitCode::kUnavailable) throw;
      if (!std::exchange(told, true)) std::fprintf(stderr, "melstream: waiting for a daemon: %s\n", error.what());
    }
    if (!interrupt.wait_until(std::chrono::steady_clock::now() + backoff.next())) return std::nullopt;
  }
}

}  // namespace

ExitCode run_subscribe(const SubscribeOptions& options) {
  Interrupt interrupt;
  const FeaturePlan plan = plan_features(options.features);
  refuse_window_normalization(plan.normalization);
  v1::SubscribeConfig config = make_subscribe_config(options);
  const v1::ElementType type = parse_element_type(options.element_type);
  const bool many = config.has_streams();
  std::optional<ResumeFile> resume_file;
  if (!options.resume_file.empty()) resume_file.emplace(options.resume_file, config.stream());
  const ResumeTokens tokens = earlier_tokens(options, config, resume_file);
  auto writers = make_writers(options, many, !tokens.empty());
  // A run that goes on with a token must come further than that block.
  if (resume_file && options.n_frames > 0 && options.n_frames < config.block_frames()) {
    config.set_block_frames(static_cast<std::int32_t>(options.n_frames));
  }
  std::optional<v1::FrontEndInfo> front_end;
  std::optional<Connection> connection = connect(options, plan.front_end, interrupt, front_end);
  if (!connection) return ExitCode::kOk;  // the user does not want to wait
  *config.mutable_features() = make_feature_request(plan, *front_end, false);
  config.mutable_features()->set_element_type(type);
  SubscriptionSession session(options, std::move(config), interrupt, std::move(writers));
  session.restore(tokens);
  // A .npy is there when it is complete: a token before that would skip what a crash takes with it.
  if (resume_file) session.keep_tokens_in(std::move(*resume_file), writes_npy(options));
  try {
    session.run(std::move(*connection));
  } catch (const ClientError&) {
    // A file and its tokens are there together or not at all; without tokens half of it is better than nothing.
    if (options.resume_file.empty()) session.complete_after_failure();
    throw;
  }
  const SubscriptionTotals& totals = session.totals();
  std::fprintf(stderr, "melstream: %s\n", many ? totals.text_of_many().c_str() : totals.text().c_str());
  session.complete();
  // A .npy has no place for the reason of an early end, so the exit code tells.
  const bool lost =
      many ? totals.lost_streams() > 0 : totals.ended() && totals.end_reason() != v1::END_REASON_COMPLETED;
  return (lost && writes_npy(options)) || totals.failures() > 0 ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace melstream::client
