#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/ring_socket.h"
#include "os/xdp_rings.h"

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
  static std::shared_ptr<XdpSocket> open(const XdpOptions& options, int epoll_fd, uint64_t first_id,
                                         int* error, const char** syscall);
  ~XdpSocket() override;

  bool zerocopy() const { return zerocopy_; }
  bool multi_frame() const { return multi_frame_; }
  uint32_t mtu() const { return mtu_; }
  uint32_t max_length() const { return max_length_; }

 private:
  // The sends of one chunk that the kernel has: usually one, more after a retain. A list through
  // links_, oldest first, since addresses do not tell them apart.
  struct Chunk {
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
  };
  struct Link {
    uint32_t kernel_id = 0;
    uint32_t next = 0;
    uint32_t sent_ms = 0;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  XdpSocket(int fd, int epoll_fd, const XdpOptions& options, uint64_t first_id);

  // xdp_open.cc
  const char* set_up(const XdpOptions& options, uint16_t bind_flags, int* error);

  bool has_room(size_t descriptors) const;
  void submit(uint64_t id, const Source& source);
  void give_up_lost();
  static uint32_t now_ms();

  int32_t do_send(const Source& source, const Address*) override;
  size_t queued() const override { return 0; }
  void fail_queued() override {}
  void cut_off() override;
  int check(const Source& source) const override;
  void kick() override;
  size_t reap() override;
  void before_close() override;
  State do_state() const override;

  const std::shared_ptr<Slab> umem_;
  const uint32_t deadline_ms_;
  bool zerocopy_ = false;
  bool multi_frame_ = false;
  uint32_t mtu_ = 0;
  uint32_t max_length_ = 0;

  XdpRing<uint64_t> fill_;
  XdpRing<uint64_t> completion_;
  XdpRing<xdp_desc> transmit_;
  uint32_t produced_ = 0;  // descriptors written to transmit_
  uint32_t consumed_ = 0;  // completions read

  std::vector<Chunk> chunks_;
  std::vector<Link> links_;
  uint32_t free_links_ = kNone;
  uint32_t outstanding_ = 0;
  uint32_t last_progress_ms_ = 0;
};

}  // namespace zerosend
