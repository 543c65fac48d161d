#include "melstream/audio/net_loop.hpp"

#include <exception>
#include <future>
#include <utility>

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace melstream::audio {

struct NetLoop::State {
  boost::asio::io_context context{1};  // one thread: no locks inside
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

NetLoop::NetLoop() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([this] {
    pthread_setname_np(pthread_self(), "ms-net");
    state_->context.run();
  });
}

NetLoop::~NetLoop() {
  state_->work.reset();
  state_->context.stop();
  state_->thread.join();
}

boost::asio::io_context& NetLoop::context() noexcept { return state_->context; }

void NetLoop::post(std::function<void()> work) { boost::asio::post(state_->context, std::move(work)); }

void NetLoop::call(const std::function<void()>& work) {
  if (std::this_thread::get_id() == state_->thread.get_id()) return work();
  std::promise<void> done;
  boost::asio::post(state_->context, [&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

}  // namespace melstream::audio
