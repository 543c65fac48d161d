// melstream top: streams, readers and the engine's load, refreshed each second.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/interrupt.hpp"
#include "client/top/terminal.hpp"
#include "client/top/top_keys.hpp"
#include "client/top/top_model.hpp"
#include "client/top/top_view.hpp"

namespace melstream::client {
namespace {

/// A daemon that hangs must not hold up the keys for longer.
constexpr double kPatienceS = 2;
constexpr int kRefreshMs = 1000;
/// Without a terminal rates are wanted as well: two looks.
constexpr int kBetweenLooksMs = 500;
constexpr int kPlainWidth = 512;
constexpr int kLinesBesideRows = 7;

double steady_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Throws ClientError.
TopLook look(const Connection& connection, const std::string& labels) {
  TopLook now;
  v1::ListStreamsRequest request;
  if (!labels.empty()) request.mutable_streams()->set_labels(labels);
  now.info = connection.server_info(kPatienceS);
  now.streams = connection.list_streams(request, kPatienceS);
  now.time_s = steady_s();
  try {
    now.subscriptions = connection.list_subscriptions(kPatienceS);
  } catch (const ClientError& error) {
    // Who may read streams need not be allowed to know who else does.
    now.subscriptions_error = error.what();
  }
  return now;
}

ExitCode print_once(const TopOptions& options, const Connection& connection, const Interrupt& interrupt,
                    TopChoice choice) {
  choice.keys = false;
  TopModel model;
  model.update(look(connection, choice.labels));
  pollfd stop{interrupt.fd(), POLLIN, 0};
  poll(&stop, 1, kBetweenLooksMs);
  model.update(look(connection, choice.labels));
  if (options.common.json) {
    std::printf("%s\n", top_json(model, choice, connection.server()).c_str());
    return ExitCode::kOk;
  }
  for (const std::string& line : draw_top(model, choice, connection.server(), kPlainWidth, 0).lines) {
    std::printf("%s\n", line.c_str());
  }
  choice.subscribers = true;
  const TopPage readers = draw_top(model, choice, connection.server(), kPlainWidth, 0);
  if (readers.n_rows == 0) return ExitCode::kOk;
  std::puts("");
  for (std::size_t i = readers.heading; i < readers.lines.size(); ++i) std::printf("%s\n", readers.lines[i].c_str());
  return ExitCode::kOk;
}

class Top {
 public:
  Top(const Connection& connection, const Interrupt& interrupt, TopChoice choice)
      : connection_(connection), interrupt_(interrupt), choice_(std::move(choice)) {}

  void run(const Terminal& terminal) {
    auto due = std::chrono::steady_clock::now();
    while (!interrupt_.requested()) {
      if (std::chrono::steady_clock::now() >= due) {
        refresh();
        due = std::chrono::steady_clock::now() + std::chrono::milliseconds(kRefreshMs);
      }
      const TopPage page = draw_top(model_, choice_, connection_.server(), terminal.width(), terminal.height());
      terminal.draw(page.lines, page.heading);
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
      const std::string typed =
          terminal.wait(interrupt_.fd(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
      const std::string labels = choice_.labels;
      const int rows = terminal.height() - kLinesBesideRows;
      if (!keys_.press(typed, static_cast<std::size_t>(std::max(rows, 1)), page.n_rows, choice_)) return;
      if (choice_.labels != labels) due = {};
    }
  }

 private:
  void refresh() {
    try {
      model_.update(look(connection_, choice_.labels));
      if (failed_) choice_.note.clear();
      failed_ = false;
    } catch (const ClientError& error) {
      // A daemon that is gone may come back; a mistake in the labels can be mended.
      choice_.note = error.what();
      failed_ = true;
    }
  }

  const Connection& connection_;
  const Interrupt& interrupt_;
  TopChoice choice_;
  TopKeys keys_;
  TopModel model_;
  bool failed_ = false;
};

}  // namespace

ExitCode run_top(const TopOptions& options) {
  TopChoice choice;
  choice.order = parse_top_order(options.order);
  choice.labels = options.labels;
  block_resize_signal();
  const Interrupt interrupt;
  const bool in_terminal =
      !options.once && !options.common.json && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
  if (!in_terminal) return print_once(options, Connection(options.common.server), interrupt, choice);
  // Mistakes are told on the usual screen.
  const Connection connection(options.common.server);
  look(connection, choice.labels);
  const Terminal terminal;
  Top(connection, interrupt, choice).run(terminal);
  return ExitCode::kOk;
}

}  // namespace melstream::client
