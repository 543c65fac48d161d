#include "melstream/audio/net_ticker.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "melstream/audio/net_loop.hpp"

namespace melstream::audio {

struct NetTicker::State : std::enable_shared_from_this<State> {
  State(NetLoop& net, std::chrono::milliseconds wanted, std::function<void()> call)
      : timer(net.context()), period(wanted), tick(std::move(call)) {}

  void wait() {
    timer.expires_after(period);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->stopped) return;
      self->tick();
      if (!self->stopped) self->wait();
    });
  }

  boost::asio::steady_timer timer;
  const std::chrono::milliseconds period;
  const std::function<void()> tick;
  bool stopped = false;
};

NetTicker::NetTicker(NetLoop& net, std::chrono::milliseconds period, std::function<void()> tick)
    : state_(std::make_shared<State>(net, period, std::move(tick))) {
  state_->wait();
}

NetTicker::~NetTicker() {
  state_->stopped = true;
  state_->timer.cancel();
}

}  // namespace melstream::audio
