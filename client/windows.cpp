// melstream windows: exact windows of many streams by one call: of each every so many seconds, or those of a list.
#include <cstdint>
#include <cstdio>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <sys/stat.h>

#include <google/protobuf/util/json_util.h>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/input_options.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/npy.hpp"
#include "client/number_text.hpp"
#include "client/response_streams.hpp"
#include "client/stream_choice.hpp"
#include "client/text_file.hpp"
#include "client/window_text.hpp"

namespace melstream::client {
namespace {

constexpr int kTimelineRateHz = 16000;

[[noreturn]] void refuse(const std::string& why) { throw ClientError(ExitCode::kUsage, why); }

v1::WindowGaps parse_gaps(const std::string& text) {
  if (text == "refuse") return v1::WINDOW_GAPS_REFUSE;
  if (text == "zero-fill") return v1::WINDOW_GAPS_ZERO_FILL;
  refuse("--gaps '" + text + "': use refuse or zero-fill");
}

void check_options(const WindowsOptions& options) {
  if (options.follow == !options.list_path.empty()) refuse("windows needs --follow, or --list FILE");
  if (options.follow && !(options.every_seconds > 0 && options.length_seconds > 0)) {
    refuse("--follow needs --every SECONDS and --length SECONDS");
  }
  const bool chooses = options.streams.all || options.streams.has_labels || !options.streams.ids.empty();
  if (!options.follow && (chooses || options.every_seconds > 0 || options.length_seconds > 0)) {
    refuse("--list says which windows; --stream, --labels, --all, --every and --length are for --follow");
  }
  if (!(options.timeout_seconds > 0)) refuse("--timeout must be seconds above 0");
  struct stat info {};
  const std::string& out = options.out_path;
  if (!out.empty() && out != "-" && (stat(out.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
    refuse("--out '" + out + "': name a folder that is there, or - for JSON lines on stdout");
  }
}

/// A line as protobuf's JSON of GetWindowRequest; what it leaves out is as the options say.
v1::GetWindowRequest read_line(const std::string& line, const std::string& where, const v1::WindowFollow& standard) {
  v1::GetWindowRequest request;
  const auto status = google::protobuf::util::JsonStringToMessage(line, &request);
  if (!status.ok()) {
    throw ClientError(ExitCode::kInput, where + ": " + status.ToString() +
                                            R"(; write {"stream": "demo", "begin_sample": 0, "end_sample": 16000})");
  }
  if (!request.has_features()) *request.mutable_features() = standard.features();
  if (!request.has_pad_to_samples() && standard.has_pad_to_samples()) {
    request.set_pad_to_samples(standard.pad_to_samples());
  }
  if (request.gaps() == v1::WINDOW_GAPS_UNSPECIFIED) request.set_gaps(standard.gaps());
  request.mutable_features()->set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  request.mutable_features()->set_layout(v1::LAYOUT_TIME_MAJOR);
  return request;
}

/// @param to_files each window needs a file of its own.
v1::WindowList read_list(const std::string& path, const v1::WindowFollow& standard, bool to_files) {
  v1::WindowList list;
  std::set<std::pair<std::string, std::int64_t>> begins;
  std::istringstream lines(read_text_file(path));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = path + ":" + std::to_string(number);
    const v1::GetWindowRequest& request = *list.add_windows() = read_line(line, where, standard);
    if (to_files && !begins.emplace(request.stream(), request.begin_sample()).second) {
      throw ClientError(ExitCode::kInput, where +
                                              ": a second window of this stream with this begin; its file would "
                                              "replace the first one's");
    }
  }
  return list;
}

v1::GetWindowsRequest make_request(const WindowsOptions& options, const FeaturePlan& plan,
                                   const v1::FeatureRequest& features) {
  v1::WindowFollow follow;
  *follow.mutable_features() = features;
  const double pad_to = options.has_pad_to ? options.pad_to_seconds : plan.pad_to_seconds;
  if (options.has_pad_to || pad_to > 0) {
    follow.set_pad_to_samples(seconds_to_samples(pad_to, kTimelineRateHz, "--pad-to"));
  }
  follow.set_gaps(parse_gaps(options.gaps));
  v1::GetWindowsRequest request;
  if (!options.follow) {
    *request.mutable_list() =
        read_list(options.list_path, follow, !options.out_path.empty() && options.out_path != "-");
    return request;
  }
  *follow.mutable_streams() = make_selection(options.streams);
  follow.set_every_seconds(options.every_seconds);
  follow.set_window_seconds(options.length_seconds);
  *request.mutable_follow() = follow;
  return request;
}

/// Prints responses, and writes windows to files.
class WindowsWriter {
 public:
  explicit WindowsWriter(const WindowsOptions& options)
      : json_(options.common.json || options.out_path == "-"),
        folder_(options.out_path == "-" ? "" : options.out_path) {}

  void write(const v1::GetWindowsResponse& response) {
    std::string line;
    if (response.has_answer()) {
      line = answer_line(response);
    } else if (response.has_failure()) {
      ++n_failures_;
      line = failure_line(response);
    } else if (response.has_end()) {
      line = end_line(response);
    }
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  std::int64_t n_windows() const noexcept { return n_windows_; }
  std::int64_t n_failures() const noexcept { return n_failures_; }

 private:
  static std::string range_text(const v1::SampleRange& range) {
    return "[" + std::to_string(range.begin_sample()) + ", " + std::to_string(range.end_sample()) + ")";
  }

  std::string answer_line(const v1::GetWindowsResponse& response) {
    ++n_windows_;
    const v1::GetWindowResponse& answer = response.answer();
    const FeatureMatrix matrix = window_matrix(answer);
    std::string path;
    if (!folder_.empty()) {
      path = folder_ + "/" + response.stream() + "." + hex_epoch(answer.epoch()) + "." +
             std::to_string(response.window().begin_sample()) + ".npy";
      write_npy(path, matrix);
    }
    if (json_) return window_json(response.stream(), response.window(), answer, matrix, path);
    const std::string what = path.empty() ? response.stream() + " " + range_text(response.window()) : path;
    return what + ": [" + std::to_string(matrix.frames()) + ", " + std::to_string(matrix.bins) + "]" +
           window_notes(answer);
  }

  std::string failure_line(const v1::GetWindowsResponse& response) const {
    const v1::WindowFailure& failure = response.failure();
    const std::string code = status_code_name(failure.code());
    if (!json_) {
      return response.stream() + " " + range_text(response.window()) + ": " + failure.message() + " (" + code + ")";
    }
    JsonObject json;
    json.add("type", "failure").add("stream", response.stream()).add("index", std::int64_t{response.index()});
    json.add("begin_sample", std::int64_t{response.window().begin_sample()});
    json.add("end_sample", std::int64_t{response.window().end_sample()});
    json.add("code", code).add("message", failure.message());
    return json.text();
  }

  std::string end_line(const v1::GetWindowsResponse& response) const {
    const std::string reason = end_reason_name(response.end().reason());
    if (!json_) return response.stream() + ": the stream has ended: " + reason;
    JsonObject json;
    json.add("type", "end").add("stream", response.stream()).add("epoch", std::to_string(response.end().epoch()));
    json.add("reason", reason);
    return json.text();
  }

  const bool json_;
  const std::string folder_;  ///< empty: no files
  std::int64_t n_windows_ = 0;
  std::int64_t n_failures_ = 0;
};

}  // namespace

ExitCode run_windows(const WindowsOptions& options) {
  Interrupt interrupt;
  check_options(options);
  const FeaturePlan plan = plan_features(options.features);
  if (options.follow) make_selection(options.streams);  // before anything is asked of the daemon
  const Connection connection(options.common.server);
  const v1::FeatureRequest features = make_feature_request(plan, connection.front_end(plan.front_end), true);
  const v1::GetWindowsRequest request = make_request(options, plan, features);
  WindowsWriter writer(options);
  {
    WindowsStream stream(connection, request, options.follow ? 0 : options.timeout_seconds);
    const InterruptAction cancel(&interrupt, [&] { stream.cancel(); });
    v1::GetWindowsResponse response;
    while ((options.n_windows == 0 || writer.n_windows() < options.n_windows) && stream.next(response)) {
      writer.write(response);
    }
  }
  std::fprintf(stderr, "melstream: %lld windows, %lld failures\n", static_cast<long long>(writer.n_windows()),
               static_cast<long long>(writer.n_failures()));
  return !options.follow && writer.n_failures() > 0 ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace melstream::client
