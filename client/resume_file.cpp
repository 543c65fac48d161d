#include "client/resume_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "client/exit_codes.hpp"
#include "client/json_object.hpp"
#include "client/resume_token.hpp"
#include "client/text_file.hpp"

namespace melstream::client {
namespace {

struct Close {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void write_whole(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".partial-" + std::to_string(getpid());
  const auto fail = [&] {
    const std::string why = std::strerror(errno);
    std::remove(temporary.c_str());
    throw ClientError(ExitCode::kInput, path + ": cannot be written: " + why);
  };
  std::unique_ptr<std::FILE, Close> file(std::fopen(temporary.c_str(), "w"));
  if (!file) fail();
  if (std::fwrite(content.data(), 1, content.size(), file.get()) != content.size() || std::fflush(file.get()) != 0) {
    fail();
  }
  file.reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

}  // namespace

ResumeFile::ResumeFile(std::string path, std::string stream) : path_(std::move(path)), stream_(std::move(stream)) {
  struct stat info {};
  // Never a device or a pipe: renaming a file over it would replace it for everybody.
  if (stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    throw ClientError(ExitCode::kInput, path_ + ": is no regular file; resume tokens need one of their own");
  }
}

ResumeTokens ResumeFile::load() const {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0 && errno == ENOENT) return {};
  const std::string text = trimmed(read_text_file(path_));
  if (text.empty()) return {};
  try {
    if (text[0] != '{') {
      if (stream_.empty()) {
        throw ClientError(ExitCode::kInput, path_ + ": holds the token of a single stream; name another file");
      }
      return {{stream_, parse_token(text, path_)}};
    }
    google::protobuf::Struct map;
    if (!google::protobuf::util::JsonStringToMessage(text, &map).ok()) {
      throw ClientError(ExitCode::kInput, path_ + ": is neither a resume token nor a JSON object of them");
    }
    ResumeTokens tokens;
    for (const auto& [stream, value] : map.fields()) {
      if (stream_.empty() || stream == stream_) tokens[stream] = parse_token(value.string_value(), path_);
    }
    return tokens;
  } catch (const ClientError& error) {
    // The command line is right; the file is not.
    throw ClientError(ExitCode::kInput, error.what());
  }
}

void ResumeFile::save(const ResumeTokens& tokens, TimePoint now) {
  next_ = now + kInterval;
  std::string text = content(tokens);
  if (text == written_) return;
  write_whole(path_, text);
  written_ = std::move(text);
}

std::string ResumeFile::content(const ResumeTokens& tokens) const {
  if (!stream_.empty()) {
    const auto found = tokens.find(stream_);
    return found == tokens.end() ? std::string() : token_text(found->second) + "\n";
  }
  JsonObject map;
  for (const auto& [stream, token] : tokens) map.add(stream, token_text(token));
  return map.text() + "\n";
}

}  // namespace melstream::client
