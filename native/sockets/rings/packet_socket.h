#pragma once

#include <linux/if_packet.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/offload.h"
#include "sockets/rings/patience.h"
#include "sockets/rings/ring_socket.h"

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif

namespace zerosend {

struct PacketOptions {
  std::string interface;
  uint32_t frames = 0;
  uint32_t frame_size = 0;  // bytes of payload that a frame must hold
  bool qdisc_bypass = false;
  bool virtio_net_header = false;
  // Link layer by the kernel (SOCK_DGRAM): protocol and destination; else frames are complete.
  bool cooked = false;
  uint16_t protocol = 0;
  uint8_t destination[8] = {};
  uint8_t destination_length = 0;
  uint32_t send_buffer_size = 0;
  Timestamps timestamps = Timestamps::kNone;
};

// An AF_PACKET socket with a transmit ring (TPACKET_V2, Documentation/networking/packet_mmap.rst).
// The ring is the pool: slot i of the slab is the payload of frame i.
//
//        tail       head      submit
//          v         v         v
//   [ - ][ K ][ K ][ R ][ R ][ h ][ w ][ - ]     K the kernel has taken it   R asked for
//                                                h held by a user   w waits for the one before it
//
// The kernel walks the ring in order and stops at the first frame that is not SEND_REQUEST, so
// frames are handed over in ring order, and come back to be looked for at the tail. The head is
// where the kernel stands, as the status of the frames says.
class PacketSocket final : public RingSocket {
 public:
  // Opens the socket and maps its ring. `*opened` stays as it is when a call fails.
  static Failure open(const PacketOptions& options, int epoll_fd, InterfaceWatch& interfaces,
                      uint64_t first_id, std::shared_ptr<PacketSocket>* opened);
  ~PacketSocket() override;

  const std::shared_ptr<Slab>& ring() const { return memory_; }
  uint32_t max_length() const;
  // Bytes that a frame may be longer where it has a VLAN tag.
  uint32_t tag_length() const { return options_.cooked ? 0 : link_header_.tag_length; }

 private:
  friend class RingSocket;

  struct Frame {
    // kRejected: the kernel calls it malformed, and its id fails when the place is free
    // kGivenUp: the kernel has it, and its id has completed
    enum class State : uint8_t { kIdle, kWaiting, kSubmitted, kRejected, kGivenUp };
    uint64_t id = 0;  // this and the length are of a frame that is not idle
    uint32_t length = 0;
    State state = State::kIdle;
    bool copied = false;
    uint16_t error = 0;  // of kRejected: the kernel's answer to it
  };

  PacketSocket(int fd, int epoll_fd, const std::shared_ptr<Slab>& ring,
               const PacketOptions& options, uint64_t first_id);

  // Of a frame that was handed over and that the kernel has not taken, or has stopped at.
  static constexpr uint32_t kAskedFor = TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT;

  tpacket2_hdr* header(uint32_t index) const {
    return reinterpret_cast<tpacket2_hdr*>(memory_->data() + memory_->stride() * index);
  }
  uint32_t status(uint32_t index) const {
    return __atomic_load_n(&header(index)->tp_status, __ATOMIC_ACQUIRE);
  }
  // Release: the kernel must see content and length before the status that hands them over.
  void set_status(uint32_t index, uint32_t value) {
    __atomic_store_n(&header(index)->tp_status, value, __ATOMIC_RELEASE);
  }
  int check(const Part& frame) const override REQUIRES(mutex_);
  void submit_waiting() REQUIRES(mutex_);
  void hand_over(Frame& frame) REQUIRES(mutex_);
  ssize_t send_ring(const sockaddr_ll* to) REQUIRES(mutex_);
  void pass_qdisc(bool on) REQUIRES(mutex_);
  void follow_kernel() REQUIRES(mutex_);
  bool stopped_at_malformed() const REQUIRES(mutex_);
  bool refuses_frame(int error) const REQUIRES(mutex_);
  void note_refused() REQUIRES(mutex_);
  bool pass_over() REQUIRES(mutex_);
  bool lend_to_loopback(int* error) REQUIRES(mutex_);
  void withdraw(int error) override REQUIRES(mutex_);
  uint32_t after(uint32_t index) const { return index + 1 == frames_.size() ? 0 : index + 1; }
  uint32_t before(uint32_t index) const { return index == 0 ? frames_.size() - 1 : index - 1; }

  int32_t do_skip(uint32_t slot) override REQUIRES(mutex_);
  int32_t do_send(const Source& source, const Address*, bool*) override REQUIRES(mutex_);
  int32_t do_send_many(const Source* sources, size_t count, const Destinations&) override
      REQUIRES(mutex_);
  int32_t do_send_run(const Run& run, const Destinations&) override REQUIRES(mutex_);
  int32_t put(const Part& part, bool copied) override REQUIRES(mutex_);
  size_t queued() const override REQUIRES(mutex_) { return waiting_; }
  void fail_queued() override REQUIRES(mutex_);
  void cut_off() override REQUIRES(mutex_);
  void revoke() override REQUIRES(mutex_);
  bool under_way() const override REQUIRES(mutex_) { return submitted_ > 0; }
  void kick() override REQUIRES(mutex_);
  uint32_t untaken() override REQUIRES(mutex_);
  size_t reap() override REQUIRES(mutex_);
  State do_state() const override REQUIRES(mutex_);
  void read_stamps() REQUIRES(mutex_);
  void begin_stamping() REQUIRES(mutex_);
  void note_refused_key(int error) REQUIRES(mutex_);

  const PacketOptions options_;
  sockaddr_ll peer_{};          // of a cooked socket
  uint32_t header_length_ = 0;  // of the link layer, as far as it is in the frame
  uint32_t max_segments_ = 0;   // of UDP, into which the kernel cuts a frame with offload header

  std::vector<Frame> frames_;
  uint32_t submit_ = 0;     // the next frame to hand over
  uint32_t tail_ = 0;       // the first that the kernel has
  uint32_t head_ = 0;       // the first that the kernel had not taken when last looked at
  uint32_t submitted_ = 0;  // frames from tail_ to submit_
  uint32_t untaken_ = 0;    // frames from head_ to submit_
  Patience patience_;       // with the frame at the head
  int timestamp_error_ = 0;
  int kick_error_ = 0;    // of the latest kick that failed
  uint32_t waiting_ = 0;  // frames behind one that is not there yet
};

}  // namespace zerosend
