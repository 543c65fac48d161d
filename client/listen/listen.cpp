// melstream listen: a microphone, or a file in its place, in the terminal: with a daemon of its own where none runs.
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <stdlib.h>  // getenv

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/extraction.hpp"
#include "client/input_options.hpp"
#include "client/interrupt.hpp"
#include "client/private_daemon.hpp"
#include "client/publisher.hpp"
#include "client/send_input.hpp"
#include "client/view.hpp"

namespace melstream::client {
namespace {

constexpr char kTryAFile[] = "without a microphone: melstream listen --file speech.wav";

bool names_server(const ServerOption& option) {
  return !option.address.empty() || getenv("MELSTREAM_SERVER") != nullptr;  // NOLINT: before any other thread
}

/// The daemon that runs, else one that lives as long as this command.
Connection find_or_start(const ServerOption& option, std::optional<PrivateDaemon>& own) {
  try {
    return Connection(option);
  } catch (const ClientError& error) {
    if (error.code() != ExitCode::kUnavailable || names_server(option)) throw;
  }
  own.emplace("");
  std::fprintf(stderr, "melstream: no daemon runs: started one for as long as this command\n");
  return Connection(ServerOption{.address = own->address()});
}

/// What feeds the stream, until it goes out of scope.
class Feed {
 public:
  virtual ~Feed() = default;
  /// Once the view is over: what went wrong meanwhile. Throws ClientError.
  virtual void check() = 0;
};

class Microphone final : public Feed {
 public:
  Microphone(const Connection& connection, const std::string& device, const std::string& stream)
      : connection_(connection), id_(stream) {
    if (connection.list_devices().devices().empty()) {
      throw ClientError(ExitCode::kFailure,
                        "no microphone: nothing captures on the daemon's machine ('melstreamd --list-devices' and "
                        "'melstream doctor' there tell more); " +
                            std::string(kTryAFile));
    }
    v1::OpenSourceRequest request;
    request.mutable_spec()->set_id(stream);
    request.mutable_spec()->set_uri("mic:" + device);
    try {
      connection.open_source(request);
    } catch (const CallError& error) {
      throw ClientError(error.code(), std::string("the microphone cannot be opened: ") + error.what() +
                                          "; 'melstream devices' lists those there are; " + kTryAFile);
    }
  }
  Microphone(const Microphone&) = delete;
  Microphone& operator=(const Microphone&) = delete;
  ~Microphone() override {
    v1::CloseSourceRequest request;
    request.set_id(id_);
    try {
      connection_.close_source(request);
    } catch (const ClientError&) {  // NOLINT(bugprone-empty-catch): the daemon is gone, and the source with it
    }
  }
  void check() override {}

 private:
  const Connection& connection_;
  std::string id_;
};

/// Plays a file as a microphone would.
class FilePlayer final : public Feed {
 public:
  FilePlayer(const Connection& connection, const std::string& path, const std::string& stream,
             const Interrupt& interrupt)
      : input_(open_audio_file(path)),
        publisher_(connection, audio_config(stream, input_->format(), std::nullopt, v1::PACING_LIVE)),
        player_([this, &interrupt] { play(interrupt); }) {}
  ~FilePlayer() override {
    publisher_.cancel();
    if (player_.joinable()) player_.join();
  }
  void check() override {
    player_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void play(const Interrupt& interrupt) {
    try {
      send_input(publisher_, *input_, chunk_samples({}, input_->format()), true, interrupt);
      publisher_.finish();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  std::unique_ptr<AudioInput> input_;
  Publisher publisher_;
  std::exception_ptr failure_;  ///< the player's until it is joined
  std::thread player_;          ///< last: it uses all above
};

std::unique_ptr<Feed> make_feed(const ListenOptions& options, const Connection& connection, const std::string& stream,
                                const Interrupt& interrupt) {
  if (!options.file_path.empty()) {
    return std::make_unique<FilePlayer>(connection, options.file_path, stream, interrupt);
  }
  return std::make_unique<Microphone>(connection, options.device, stream);
}

}  // namespace

ExitCode run_listen(const ListenOptions& options) {
  Interrupt interrupt;
  std::optional<PrivateDaemon> own;
  const Connection connection = find_or_start(options.view.common.server, own);
  ViewOptions view = options.view;
  view.stream = unique_stream_id("listen");
  view.wait = true;
  view.until_end = true;
  view.summary = true;
  const auto feed = make_feed(options, connection, view.stream, interrupt);
  const ExitCode code = view_stream(view, connection, interrupt);
  feed->check();
  return code;
}

}  // namespace melstream::client
