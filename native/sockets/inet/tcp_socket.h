#pragma once

#include "sockets/inet/inet_socket.h"

namespace zerosend {

// A TCP connection that was begun, and is up when the socket becomes writable. A stream may be cut
// anywhere, gives kernel ids that were not used back, and cannot go on behind a hole.
class TcpSocket final : public InetSocket {
 public:
  explicit TcpSocket(const Setup& setup);
  ~TcpSocket() override;

 private:
  Attempt transmit(const Source& source, const Address* destination, uint32_t offset,
                   size_t most) override REQUIRES(mutex_);
  size_t transmit_batch(const Source* sources, size_t count, const Destinations&) override
      REQUIRES(mutex_);
  Response response(int error) const override;
  size_t settle_refusal(int error, bool zerocopy) REQUIRES(mutex_);
  void note_hole(int error) override REQUIRES(mutex_);
  void note_error(int error) override REQUIRES(mutex_);

  void do_poll() override REQUIRES(mutex_);
  void do_ready(uint32_t events) override REQUIRES(mutex_);
  uint32_t interest() const override REQUIRES(mutex_);
  bool wants_arming() const override REQUIRES(mutex_);
  Failure start_watching() override REQUIRES(mutex_);
  void finish_connecting() REQUIRES(mutex_);
  void rest() override REQUIRES(mutex_);
  void avoid_interceptor() REQUIRES(mutex_);
  void discard_input() REQUIRES(mutex_);

  void finish_output() override REQUIRES(mutex_);
  void cut_off() override REQUIRES(mutex_);
  void do_conclude() override REQUIRES(mutex_);
  void before_close() override REQUIRES(mutex_);
  State do_state() const override REQUIRES(mutex_);
  uint64_t do_progress() const override REQUIRES(mutex_);
  // False, and nothing read, where the kernel does not tell, or there is no connection (any more).
  bool read_facts(TcpFacts* facts) const REQUIRES(mutex_);
  int64_t acknowledged(const TcpFacts& facts) const REQUIRES(mutex_);

  bool shut_down_ GUARDED_BY(mutex_) = false;     // SHUT_WR was sent
  bool cut_off_ GUARDED_BY(mutex_) = false;       // the connection was dissolved
  int64_t acknowledged_ GUARDED_BY(mutex_) = -1;  // what acknowledged() said before that
  bool peer_closed_ GUARDED_BY(mutex_) = false;   // the peer's FIN was read
  bool hung_up_ GUARDED_BY(mutex_) = false;       // EPOLLHUP came: it would fire at each arming
  bool intercepted_ GUARDED_BY(mutex_) = false;   // zero copy was given up for it
  uint32_t polls_ GUARDED_BY(mutex_) = 0;
};

}  // namespace zerosend
