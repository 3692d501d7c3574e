#pragma once

#include "sockets/inet/inet_socket.h"

namespace zerosend {

// A UDP socket. A datagram is taken whole or not at all; one that is refused may have taken a
// kernel id all the same, and an ICMP error about an earlier one may be answered in its place. With
// UDP_SEGMENT, a send is cut into many datagrams.
class UdpSocket final : public InetSocket {
 public:
  explicit UdpSocket(const Setup& setup);
  ~UdpSocket() override;

 private:
  // udp_socket.cc
  Attempt transmit(const Source& source, const Address* destination, uint32_t offset,
                   size_t most) override REQUIRES(mutex_);
  size_t transmit_batch(const Source* sources, size_t count, const Destinations& to) override
      REQUIRES(mutex_);
  void address_batch(size_t gathered, const Destinations& to) REQUIRES(mutex_);
  bool wants_arming() const override REQUIRES(mutex_);
  void note_error(int error) override REQUIRES(mutex_);
  void note_reading(const Drained& drained, uint64_t doubts_before) override REQUIRES(mutex_);
  State do_state() const override REQUIRES(mutex_);

  // udp_segments.cc
  struct Splitting;
  struct SplittingDeleter {
    void operator()(Splitting* state) const;
  };
  // Whether a send goes out as a whole, to be cut into segments by the kernel or the device.
  enum class Whole : uint8_t { kUsual, kTry, kNo };
  Whole whole_to(const Address* destination) REQUIRES(mutex_);
  bool start_splitting(const Address* destination) REQUIRES(mutex_);
  void stop_splitting() REQUIRES(mutex_);
  bool is_splitting() const REQUIRES(mutex_);
  ssize_t send_segments(const Source& source, uint32_t offset, const Address* destination)
      REQUIRES(mutex_);

  // udp_refusal.cc
  // How often a datagram is tried again that ICMP errors about earlier ones have kept from being
  // tried. Each takes away one, so only a flood that is faster than as many system calls gets
  // through.
  static constexpr uint32_t kTriesOfEarlier = 64;
  // How often one is tried again for which there is no memory though the kernel holds nothing.
  static constexpr uint32_t kTriesOfEmptied = 16;
  // The value of asked_in_vain_ after five questions in vain, from which on the state counts as
  // lasting.
  static constexpr uint32_t kLasting = 31;
  // How a datagram is tried, and the refusals so far.
  struct Tries {
    bool zerocopy;
    bool split;            // its segments go out one by one
    bool scattered;        // it has several extents
    uint32_t earlier = 0;  // refusals that may have been about earlier datagrams
    uint32_t emptied = 0;  // refusals for want of buffers with nothing of the socket in the kernel
  };
  int answer_refusal(int error, const Address* destination, Tries* tries) REQUIRES(mutex_);
  Attempt refused(int error) REQUIRES(mutex_) {
    stopped_early_ = false;
    return {-1, false, error};
  }
  Response response(int error) const override;
  bool may_be_earlier(int error) const;
  size_t settle_refusal(int error, bool zerocopy) REQUIRES(mutex_);
  int ask_for_count(const sockaddr* to, socklen_t to_length) REQUIRES(mutex_);
  void forget_questions() REQUIRES(mutex_);
  int back_off(int error) REQUIRES(mutex_);
  bool may_flush() override REQUIRES(mutex_);
  void note_flushed() override REQUIRES(mutex_) { retry_delay_ = {}; }
  bool reports_drops() const REQUIRES(mutex_);
  bool hears_of_earlier() const REQUIRES(mutex_);

  // Questions for the count that may have taken ids not read yet; those of them that were answered,
  // which are no phantoms.
  uint64_t unread_questions_ GUARDED_BY(mutex_) = 0;
  uint64_t unread_answers_ GUARDED_BY(mutex_) = 0;
  // Other than 0: that many sends go by copy before the next question; so many of them have.
  uint32_t asked_in_vain_ GUARDED_BY(mutex_) = 0;
  uint32_t unasked_ GUARDED_BY(mutex_) = 0;
  // The last sendmmsg may have met an error about an earlier datagram.
  bool stopped_early_ GUARDED_BY(mutex_) = false;
  // Other than 0: what is queued waits for retry_at_.
  std::chrono::nanoseconds retry_delay_ GUARDED_BY(mutex_){0};
  std::chrono::steady_clock::time_point retry_at_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point retry_since_ GUARDED_BY(mutex_);
  // Made by the first refusal of segments.
  std::unique_ptr<Splitting, SplittingDeleter> splitting_ GUARDED_BY(mutex_);
};

}  // namespace zerosend
