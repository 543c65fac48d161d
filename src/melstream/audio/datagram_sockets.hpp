// UDP sockets of one source, read in batches of up to 64 datagrams (recvmmsg) into buffers that they share: 3,000 ports
// cost no more memory than one. Nothing is ever sent. Runs on the thread of sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "melstream/audio/net_address.hpp"
#include "melstream/core/clock.hpp"

namespace melstream::audio {

class NetLoop;

/// One datagram, for the call.
struct Datagram {
  std::span<const std::byte> bytes;
  const NetAddress& peer;
  std::int64_t received_mono_ns;  ///< when the kernel took it in
  bool cut;                       ///< it was longer than the buffers: its end is missing
};

/// Who takes what the sockets hear. Thread: ms-net.
class DatagramSink {
 public:
  virtual ~DatagramSink() = default;
  /// @param socket index in the order of add().
  virtual void on_datagram(std::size_t socket, const Datagram& datagram) noexcept = 0;
  /// The kernel threw n more datagrams away since its buffer of this socket was full; told before the next one.
  virtual void on_kernel_drops(std::size_t socket, std::int64_t n) noexcept = 0;
};

/// Made, used and destroyed on ms-net. Allocates nothing for a datagram; buffers are wiped after each.
class DatagramSockets {
 public:
  /// @param max_bytes longest datagram that is taken whole. @param clock of received_mono_ns.
  /// All references outlive it.
  DatagramSockets(NetLoop& net, const core::Clock& clock, DatagramSink& sink, std::size_t max_bytes);
  DatagramSockets(const DatagramSockets&) = delete;
  DatagramSockets& operator=(const DatagramSockets&) = delete;
  /// Closes them; the sink is not called any more.
  ~DatagramSockets();

  /// @param fd of make_datagram_socket(). Returns its index. Not from within the sink. Throws
  /// core::Error(kUnavailable).
  std::size_t add(OwnedFd fd);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace melstream::audio
