#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/xdp_rings.h"
#include "sockets/rings/descriptors.h"
#include "sockets/rings/overdue.h"
#include "sockets/rings/ring_socket.h"

namespace zerosend {

struct XdpOptions {
  enum class Mode : uint8_t { kBest, kZeroCopy, kCopy };

  std::string interface;
  uint32_t queue = 0;
  Mode mode = Mode::kBest;
  std::shared_ptr<Slab> umem;
  uint32_t deadline_ms = 0;  // after which a frame that has not come back is given up
};

// An AF_XDP socket that transmits only: the slab is the UMEM, slot i is chunk i. Frames go out
// through a ring of descriptors, and their addresses come back, in any order, through another.
// No BPF program is needed for that.
class XdpSocket final : public RingSocket {
 public:
  // Opens the socket and makes its rings. `*opened` stays as it is when a call fails.
  static Failure open(const XdpOptions& options, int epoll_fd, InterfaceWatch& interfaces,
                      uint64_t first_id, std::shared_ptr<XdpSocket>* opened);
  ~XdpSocket() override;

  bool zerocopy() const { return zerocopy_; }
  uint32_t tag_length() const { return link_header_.tag_length; }
  uint32_t max_length() const;  // of a packet of one frame

  // Why a packet cannot have several frames: the errno of a bind with XDP_USE_SG, or 0.
  int multi_frame_error() const { return multi_frame_error_; }
  uint32_t max_frames() const { return max_frames_; }
  static constexpr uint32_t kMostFrames = 64;  // of any packet, however many a driver takes

 private:
  friend class RingSocket;

  using Kind = Descriptors::Kind;

  // A packet of several chunks, by its id.
  struct Packet {
    uint32_t left;  // chunks that have not come back
    Outcome outcome;
  };
  static constexpr uint32_t kMostChunks = 1 << 20;  // of a UMEM; a pool has no more buffers either
  // Where the kernel copies, it makes each frame but the first a fragment of the packet, or (for
  // drivers that want nothing in the linear part) the first, too. A packet of more fragments than
  // the kernel was built for, 17 at least, is dropped without a word.
  static constexpr uint32_t kCopiedFrames = 17;
  // With zero copy the driver has a number of its own; it grants XDP_USE_SG only with two at least.
  static constexpr uint32_t kZeroCopyFrames = 2;

  XdpSocket(int fd, int epoll_fd, const XdpOptions& options, uint64_t first_id);

  // xdp_open.cc: before anybody else knows the socket, so without the lock.
  Failure set_up(const XdpOptions& options, uint32_t ifindex,
                 InterfaceWatch& interfaces) NO_THREAD_SAFETY_ANALYSIS;
  Failure bind_queue(const XdpOptions& options, uint32_t ifindex) NO_THREAD_SAFETY_ANALYSIS;
  uint32_t frames_of_packets(uint32_t ifindex) const NO_THREAD_SAFETY_ANALYSIS;

  // What frames and packets have in common.
  inline bool has_room(size_t descriptors) REQUIRES(mutex_);
  inline bool make_room(size_t descriptors) REQUIRES(mutex_);
  size_t room_for(size_t count) override REQUIRES(mutex_);
  bool is_full_for(size_t count) REQUIRES(mutex_);
  inline void describe(const Part& part, uint32_t options, uint64_t id, Kind kind) REQUIRES(mutex_);
  inline void submit(uint32_t descriptors) REQUIRES(mutex_);
  bool ends_send(const Descriptors::Descriptor& descriptor, Outcome* outcome) REQUIRES(mutex_);
  int check_packet(const Part* parts, size_t count, Part* whole) const REQUIRES(mutex_);
  bool is_lost(const Descriptors::Descriptor& descriptor, uint64_t now) const REQUIRES(mutex_);
  void give_up_lost(uint64_t now) REQUIRES(mutex_);

  int32_t do_send(const Source& source, const Address*, bool*) override REQUIRES(mutex_);
  int32_t do_send_many(const Source* sources, size_t count, const Destinations&) override
      REQUIRES(mutex_);
  int32_t do_send_run(const Run& run, const Destinations&) override REQUIRES(mutex_);
  int32_t put(const Part& frame, bool copied) override REQUIRES(mutex_);
  int32_t do_send_packet(const Part* parts, size_t count) override REQUIRES(mutex_);
  size_t queued() const override REQUIRES(mutex_) { return 0; }
  void fail_queued() override REQUIRES(mutex_) {}
  void cut_off() override REQUIRES(mutex_);
  void withdraw(int error) override REQUIRES(mutex_);
  void revoke() override REQUIRES(mutex_);
  bool under_way() const override REQUIRES(mutex_) { return descriptors_.count() > 0; }
  int check(const Part& frame) const override REQUIRES(mutex_);
  void kick() override REQUIRES(mutex_);
  uint32_t untaken() override REQUIRES(mutex_);
  size_t reap() override REQUIRES(mutex_);
  void before_close() override REQUIRES(mutex_);
  State do_state() const override REQUIRES(mutex_);

  const uint32_t deadline_ms_;
  const uint32_t chunk_bits_;  // chunks are a power of two long: division would take longest of all
  bool zerocopy_ = false;
  int multi_frame_error_ = 0;
  uint32_t max_frames_ = 1;

  XdpRing<uint64_t> fill_;
  XdpRing<uint64_t> completion_;
  XdpRing<xdp_desc> transmit_;
  uint32_t produced_ = 0;  // descriptors written to transmit_
  uint32_t taken_ = 0;     // of those, the ones that the kernel had read when last looked at
  uint32_t consumed_ = 0;  // completions read

  Descriptors descriptors_;
  std::unordered_map<uint64_t, Packet> packets_;
  // Only with a deadline.
  Overdue overdue_;
  uint64_t returned_ = 0;          // the position behind the newest descriptor that has come back
  uint64_t last_progress_ms_ = 0;  // when the last came back
};

}  // namespace zerosend
