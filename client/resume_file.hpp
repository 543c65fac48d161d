// Where a subscription keeps its newest resume tokens, for the next start. Of one stream: its token, a line of hex. Of
// many: a JSON object from stream to token. Replaced as a whole, so that it is never half written.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace melstream::client {

/// Tokens as the daemon gave them, by stream.
using ResumeTokens = std::map<std::string, std::string>;

class ResumeFile {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kInterval{1};

  /// @param stream of a subscription to one; empty: to many. Throws ClientError(kInput) where `path` is no regular
  /// file.
  ResumeFile(std::string path, std::string stream);

  /// Nothing without a file. Throws ClientError(kInput) for content that is something else.
  ResumeTokens load() const;
  /// At most once a second.
  bool due(TimePoint now) const noexcept { return now >= next_; }
  /// Writes the tokens unless they are those of the last time. Throws ClientError(kInput).
  void save(const ResumeTokens& tokens, TimePoint now);

 private:
  std::string content(const ResumeTokens& tokens) const;

  std::string path_;
  std::string stream_;
  std::string written_;
  TimePoint next_ = TimePoint::min();
};

}  // namespace melstream::client
