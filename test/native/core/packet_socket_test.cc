// PacketSocket over a ring whose kernel is in this file: what it does at each status of a frame.
#include "sockets/rings/packet_socket.h"

#include <linux/if_packet.h>

#include <deque>
#include <set>

#include "harness.h"
#include "rings.h"

namespace {

using namespace rings;
using zerosend::InterfaceWatch;
using zerosend::PacketOptions;
using zerosend::PacketSocket;

// tpacket_snd() of net/packet/af_packet.c, as far as the ring shows it.
struct Kernel {
  uint8_t* ring = nullptr;
  size_t size = 0;
  uint32_t frame_size = 0;
  uint32_t frames = 0;
  uint32_t head = 0;
  int budget = 1 << 30;  // frames that a call takes
  int room = 1 << 30;    // of the send buffer, in frames
  int error = 0;         // that each call answers
  int loopback_error = 0;
  uint32_t malformed = 0;  // frames of this length are
  uint32_t unsegmentable = 0;
  uint32_t dropped = 0;  // of frames of this length, by a filter of the interface
  bool answers_length = true;
  std::deque<uint32_t> sending;
  std::vector<uint32_t> wire;  // lengths that went out by the interface
  int kicks = 0;
  int lent = 0;

  tpacket2_hdr& frame(uint32_t index) {
    return *reinterpret_cast<tpacket2_hdr*>(ring + size_t{frame_size} * index);
  }
  // The oldest `count` frames come back.
  void release(size_t count) {
    for (; count > 0 && !sending.empty(); --count) {
      frame(sending.front()).tp_status = TP_STATUS_AVAILABLE;
      sending.pop_front();
      ++room;
    }
  }
  ssize_t send(bool to_loopback) {
    if (to_loopback && loopback_error != 0) return fail(loopback_error);
    if (!to_loopback) ++kicks;
    if (!to_loopback && error != 0) return fail(error);
    ssize_t sum = 0;
    for (int left = budget; frame(head).tp_status == TP_STATUS_SEND_REQUEST;) {
      tpacket2_hdr& one = frame(head);
      if (!to_loopback && one.tp_len == malformed) {
        one.tp_status = TP_STATUS_WRONG_FORMAT;
        return fail(EMSGSIZE);
      }
      if (!to_loopback && one.tp_len == unsegmentable) return fail(ENOMEM);
      if (!to_loopback && one.tp_len == dropped) return fail(ENOBUFS);
      if (left-- == 0 || room == 0) return sum > 0 ? sum : fail(EAGAIN);
      sum += one.tp_len;
      if (to_loopback) {
        ++lent;
        one.tp_status = TP_STATUS_AVAILABLE;
      } else {
        --room;
        one.tp_status = TP_STATUS_SENDING;
        sending.push_back(head);
        wire.push_back(one.tp_len);
      }
      head = head + 1 == frames ? 0 : head + 1;
    }
    return sum;
  }
  static ssize_t fail(int error) {
    errno = error;
    return -1;
  }
};

Kernel kernel;

struct Fixture {
  Seam seam;
  InterfaceWatch interfaces;
  std::shared_ptr<PacketSocket> socket;
  News news;

  explicit Fixture(uint32_t frames = 128, bool virtio_net_header = false) {
    kernel = Kernel();
    sys.bind = [](int, const sockaddr*, socklen_t) { return 0; };
    sys.setsockopt = [](int, int level, int option, const void* value, socklen_t) {
      if (level != SOL_PACKET || option != PACKET_TX_RING) return 0;
      const auto* request = static_cast<const tpacket_req*>(value);
      kernel.frame_size = request->tp_frame_size;
      kernel.frames = request->tp_frame_nr;
      kernel.size = size_t{request->tp_block_size} * request->tp_block_nr;
      return 0;
    };
    sys.mmap = [](void* at, size_t size, int protection, int, int, off_t) {
      void* memory = ::mmap(at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      kernel.ring = static_cast<uint8_t*>(memory);
      return memory;
    };
    sys.sendto = [](int, const void* data, size_t length, int, const sockaddr* to, socklen_t) {
      if (data != nullptr) return static_cast<ssize_t>(length);  // a question by netlink
      return kernel.send(to != nullptr);
    };
    PacketOptions options;
    options.interface = "lo";
    options.frames = frames;
    options.frame_size = 2016;
    options.virtio_net_header = virtio_net_header;
    CHECK_EQ(PacketSocket::open(options, seam.epoll_fd(), interfaces, 0, &socket).error, 0);
    CHECK_EQ(socket->attach(1).error, 0);
  }

  int32_t send(uint32_t slot, uint32_t length) {
    return rings::send(*socket, *socket->ring(), slot, length);
  }
  void poll() {
    socket->poll();
    news.take(*socket);
  }
  // A wake of the poller thread by the timer.
  void wake() {
    if (socket->on_ready(EPOLLIN).rearm) socket->rearm();
    news.take(*socket);
  }
};

TEST(packet_ring_kicks_again_what_a_kick_has_left) {
  Fixture fixture;
  kernel.room = 10;
  for (uint32_t i = 0; i < 64; ++i) CHECK_EQ(fixture.send(i, 100 + i), 0);
  CHECK_EQ(kernel.wire.size(), 10u);  // the kick of the 64th answered a length
  fixture.socket->arm();
  // Nobody polls any more: the timer alone.
  for (int i = 0; i < 200 && fixture.news.ends.size() < 64; ++i) {
    kernel.release(3);
    fixture.wake();
  }
  REQUIRE(kernel.wire.size() == 64);
  for (uint32_t i = 0; i < 64; ++i) CHECK_EQ(kernel.wire[i], 100 + i);
  CHECK_EQ(fixture.news.ends.size(), 64u);
  CHECK_EQ(fixture.news.most_times(), 1);
}

TEST(packet_ring_goes_on_inline_and_at_close) {
  Fixture fixture;
  kernel.room = 5;
  for (uint32_t i = 0; i < 20; ++i) CHECK_EQ(fixture.send(i, 100), 0);
  fixture.poll();
  CHECK_EQ(kernel.wire.size(), 5u);
  kernel.release(5);
  fixture.poll();
  CHECK_EQ(kernel.wire.size(), 10u);
  kernel.room = 100;
  fixture.socket->begin_close();
  CHECK_EQ(kernel.wire.size(), 20u);
}

TEST(packet_ring_that_is_stuck_is_not_kicked_for_each_frame) {
  Fixture fixture(1024);
  kernel.room = 0;
  for (uint32_t i = 0; i < 960; ++i) CHECK_EQ(fixture.send(i, 100), 0);
  CHECK_EQ(kernel.kicks, 15);  // each 64 frames
}

TEST(packet_ring_ends_a_kick_that_makes_no_progress) {
  for (const int error : {EAGAIN, ENOBUFS, ENOMEM, EPERM, EINTR}) {
    Fixture fixture;
    kernel.error = error;
    for (uint32_t i = 0; i < 3; ++i) CHECK_EQ(fixture.send(i, 100), 0);
    fixture.poll();
    CHECK_EQ(kernel.kicks, 1);
    kernel.error = 0;
    fixture.poll();
    CHECK_EQ(kernel.wire.size(), 3u);
  }
}

TEST(packet_ring_fails_a_malformed_frame_alone) {
  Fixture fixture;
  kernel.malformed = 666;
  const std::vector<uint32_t> lengths = {100, 666, 101, 666, 666, 102, 103, 666};
  for (uint32_t i = 0; i < lengths.size(); ++i) CHECK_EQ(fixture.send(i, lengths[i]), 0);
  fixture.poll();
  CHECK_EQ(kernel.lent, 4);
  REQUIRE(kernel.wire.size() == 4);
  for (uint32_t i = 0; i < 4; ++i) CHECK_EQ(kernel.wire[i], 100 + i);
  kernel.release(4);
  fixture.poll();
  REQUIRE(fixture.news.ends.size() == lengths.size());
  for (uint32_t i = 0; i < lengths.size(); ++i) {
    CHECK_EQ(fixture.news.order[i], i);
    CHECK_EQ(fixture.news.end_of(i), lengths[i] == 666 ? kFailed : kZeroCopy);
  }
  CHECK_EQ(fixture.news.passed.size(), 4u);
  // The ring goes on behind them, and round.
  for (uint32_t i = 8; i < 8 + 200; ++i) {
    CHECK_EQ(fixture.send(i % 128, 200), 0);
    fixture.poll();
    kernel.release(1);
    fixture.poll();
  }
  CHECK_EQ(fixture.news.ends.size(), 208u);
  CHECK_EQ(fixture.news.most_times(), 1);
}

TEST(packet_ring_passes_more_malformed_frames_than_one_kick_does) {
  Fixture fixture(1024);
  kernel.malformed = 666;
  for (uint32_t i = 0; i < 300; ++i) CHECK_EQ(fixture.send(i, i % 100 == 99 ? 100 : 666), 0);
  for (int i = 0; i < 20; ++i) fixture.poll();
  CHECK_EQ(kernel.lent, 297);
  kernel.release(3);
  fixture.poll();
  CHECK_EQ(fixture.news.ends.size(), 300u);
  CHECK_EQ(fixture.news.end_of(99), kZeroCopy);
  CHECK_EQ(fixture.news.end_of(100), kFailed);
}

TEST(packet_ring_keeps_the_bytes_of_a_malformed_frame) {
  Fixture fixture;
  kernel.malformed = 666;
  uint8_t* bytes = fixture.socket->ring()->slot(0);
  for (uint32_t i = 0; i < 666; ++i) bytes[i] = static_cast<uint8_t>(i);
  CHECK_EQ(fixture.send(0, 666), 0);
  fixture.poll();
  CHECK_EQ(kernel.lent, 1);
  for (uint32_t i = 0; i < 666; ++i) CHECK_EQ(bytes[i], static_cast<uint8_t>(i));
}

TEST(packet_ring_tries_again_to_pass_a_malformed_frame) {
  Fixture fixture;
  kernel.malformed = 666;
  kernel.loopback_error = ENOBUFS;
  CHECK_EQ(fixture.send(0, 666), 0);
  CHECK_EQ(fixture.send(1, 100), 0);
  for (int i = 0; i < 3; ++i) fixture.poll();
  CHECK(fixture.news.ends.empty());
  kernel.loopback_error = 0;
  fixture.poll();
  kernel.release(1);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kFailed);
  CHECK_EQ(fixture.news.end_of(1), kZeroCopy);
}

TEST(packet_ring_without_a_loopback_device_gives_the_frames_behind_back) {
  Fixture fixture;
  kernel.malformed = 666;
  kernel.loopback_error = ENETDOWN;
  CHECK_EQ(fixture.send(0, 100), 0);
  CHECK_EQ(fixture.send(1, 666), 0);
  CHECK_EQ(fixture.send(2, 100), 0);
  fixture.poll();
  kernel.release(1);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kZeroCopy);
  CHECK_EQ(fixture.news.end_of(1), kFailed);
  CHECK_EQ(fixture.news.end_of(2), kFailed);
  CHECK(fixture.news.passed.empty());  // so that the pool hands the places out next
  CHECK_EQ(fixture.send(1, 100), 0);
  CHECK_EQ(fixture.send(2, 101), 0);
  fixture.poll();
  REQUIRE(kernel.wire.size() == 3);
  CHECK_EQ(kernel.wire[2], 101u);
}

TEST(packet_ring_goes_past_a_place_that_nobody_fills) {
  Fixture fixture;
  CHECK_EQ(fixture.send(0, 100), 0);
  CHECK_EQ(fixture.send(2, 102), 0);
  CHECK_EQ(fixture.send(4, 104), 0);
  CHECK_EQ(fixture.socket->state().waiting, 2u);
  CHECK_EQ(fixture.socket->state().missing, 1u);
  CHECK_EQ(fixture.socket->skip(0), 0);  // not where the ring waits
  CHECK_EQ(fixture.socket->skip(2), 0);
  kernel.budget = 0;
  CHECK_EQ(fixture.socket->skip(1), 0);  // what stands before it would go by the loopback device
  CHECK_EQ(kernel.lent, 0);
  kernel.budget = 1 << 30;
  CHECK_EQ(fixture.socket->skip(1), 1);
  CHECK_EQ(fixture.socket->skip(1), 0);
  CHECK_EQ(fixture.socket->state().missing, 3u);
  kernel.loopback_error = ENETDOWN;
  CHECK_EQ(fixture.socket->skip(3), -ENETDOWN);
  CHECK_EQ(fixture.socket->state().missing, 3u);
  kernel.loopback_error = 0;
  CHECK_EQ(fixture.socket->skip(3), 1);
  CHECK_EQ(fixture.socket->state().waiting, 0u);
  CHECK_EQ(fixture.socket->skip(5), 0);  // nobody waits
  fixture.poll();
  CHECK_EQ(kernel.lent, 2);
  REQUIRE(kernel.wire.size() == 3);
  for (uint32_t i = 0; i < 3; ++i) CHECK_EQ(kernel.wire[i], 100 + 2 * i);
  kernel.release(5);
  fixture.poll();
  CHECK_EQ(fixture.news.ends.size(), 3u);
  CHECK_EQ(fixture.news.most_times(), 1);
  // The ring goes on, and round.
  for (uint32_t i = 5; i < 300; ++i) {
    CHECK_EQ(fixture.send(i % 128, 200), 0);
    fixture.poll();
    kernel.release(1);
    fixture.poll();
  }
  CHECK_EQ(fixture.news.ends.size(), 298u);
}

TEST(packet_ring_fails_alone_what_no_memory_is_ever_found_for) {
  Fixture fixture(128, true);
  kernel.unsegmentable = 666;
  CHECK_EQ(fixture.send(0, 100), 0);
  CHECK_EQ(fixture.send(1, 666), 0);
  CHECK_EQ(fixture.send(2, 102), 0);
  for (int i = 0; i < 200; ++i) fixture.poll();
  CHECK_EQ(kernel.wire.size(), 1u);  // it may be the memory
  for (int i = 0; i < 12; ++i) {
    now_ms += 100;
    fixture.poll();
  }
  kernel.release(2);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kZeroCopy);
  CHECK_EQ(fixture.news.end_of(1), kFailed);
  CHECK_EQ(fixture.news.end_of(2), kZeroCopy);
  // Without an offload header, a frame is no reason.
  Fixture plain;
  kernel.unsegmentable = 666;
  CHECK_EQ(plain.send(0, 666), 0);
  for (int i = 0; i < 100; ++i) {
    now_ms += 100;
    plain.poll();
  }
  CHECK(plain.news.ends.empty());
}

TEST(packet_ring_fails_alone_what_is_dropped_each_time) {
  Fixture fixture;
  kernel.dropped = 666;
  CHECK_EQ(fixture.send(0, 100), 0);
  CHECK_EQ(fixture.send(1, 666), 0);
  CHECK_EQ(fixture.send(2, 102), 0);
  // A queueing discipline may be full of what is the socket's own.
  for (int i = 0; i < 100; ++i) {
    now_ms += 100;
    fixture.poll();
  }
  CHECK_EQ(kernel.wire.size(), 1u);
  CHECK_EQ(kernel.lent, 0);
  kernel.release(1);
  fixture.poll();
  for (int i = 0; i < 12; ++i) {
    now_ms += 100;
    fixture.poll();
  }
  kernel.release(1);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kZeroCopy);
  CHECK_EQ(fixture.news.end_of(1), kFailed);
  CHECK_EQ(fixture.news.end_of(2), kZeroCopy);
}

TEST(packet_ring_is_through_with_many_that_are_dropped_soon) {
  Fixture fixture;
  kernel.dropped = 666;
  for (uint32_t i = 0; i < 100; ++i) CHECK_EQ(fixture.send(i, 666), 0);
  for (int i = 0; i < 400; ++i) {
    now_ms += 10;
    fixture.poll();
  }
  CHECK_EQ(kernel.lent, 100);
  // Also where others go between them.
  for (uint32_t i = 100; i < 120; ++i) CHECK_EQ(fixture.send(i, i % 2 == 0 ? 666 : 100), 0);
  for (int i = 0; i < 80; ++i) {
    now_ms += 10;
    fixture.poll();
    kernel.release(1);
  }
  CHECK_EQ(kernel.lent, 110);
  // Patience is what it was when none has failed for a while.
  now_ms += 20'000;
  CHECK_EQ(fixture.send(120, 666), 0);
  for (int i = 0; i < 50; ++i) {
    now_ms += 10;
    fixture.poll();
  }
  CHECK_EQ(kernel.lent, 110);
}

TEST(packet_ring_is_looked_at_less_often_while_nothing_comes_back) {
  Fixture fixture;
  CHECK_EQ(fixture.send(0, 100), 0);
  CHECK_EQ(fixture.send(1, 100), 0);
  fixture.poll();
  fixture.socket->arm();
  const long shortest = timer_ns;
  std::vector<long> intervals;
  for (int i = 0; i < 8; ++i) {
    fixture.wake();
    intervals.push_back(timer_ns);
  }
  for (size_t i = 0; i < intervals.size(); ++i) {
    CHECK_EQ(intervals[i], std::min(shortest << (i + 1), 2'000'000L));
  }
  CHECK_EQ(intervals.back(), 2'000'000L);
  kernel.release(1);
  fixture.wake();
  CHECK_EQ(timer_ns, shortest);
}

TEST(packet_ring_is_looked_at_less_often_while_it_is_not_taken) {
  Fixture fixture;
  kernel.room = 0;
  CHECK_EQ(fixture.send(0, 100), 0);
  fixture.socket->arm();
  for (int i = 0; i < 8; ++i) fixture.wake();
  CHECK_EQ(timer_ns, 2'000'000L);
  CHECK(kernel.kicks <= 9);
}

TEST(packet_ring_completes_what_it_gave_up_once) {
  Fixture fixture;
  for (uint32_t i = 0; i < 4; ++i) CHECK_EQ(fixture.send(i, 100), 0);
  fixture.poll();
  CHECK_EQ(fixture.send(4, 100), 0);  // not kicked yet
  fixture.socket->abort();
  fixture.news.take(*fixture.socket);
  for (uint64_t id = 0; id < 4; ++id) CHECK_EQ(fixture.news.end_of(id), kRevoked);
  CHECK_EQ(fixture.news.end_of(4), kFailed);
  CHECK_EQ(fixture.news.retired.size(), 4u);
  // They come back after all.
  kernel.release(4);
  fixture.poll();
  fixture.socket->abort();
  fixture.news.take(*fixture.socket);
  CHECK_EQ(fixture.news.ends.size(), 5u);
  CHECK_EQ(fixture.news.most_times(), 1);
  CHECK_EQ(fixture.news.retired.size(), 4u);
}

TEST(packet_ring_keeps_to_the_mtu_of_now) {
  interface.has_netlink = true;
  Fixture fixture;
  CHECK_EQ(fixture.send(0, 1500 + 14), 0);
  CHECK_EQ(fixture.send(1, 1500 + 14 + 1), -EMSGSIZE);
  interface.mtu = 1600;
  CHECK_EQ(fixture.send(1, 1600 + 14), 0);  // asked before it is refused
  CHECK_EQ(fixture.socket->max_length(), 1600u + 14 + 4);
  interface.mtu = 1000;
  fixture.socket->look_around();
  const uint32_t lengths[] = {1000 + 14, 1000 + 14 + 1};
  uint32_t queued = 0;
  Slab& ring = *fixture.socket->ring();
  CHECK_EQ(fixture.socket->send_run({&ring, 2, 2, lengths}, &queued), -EMSGSIZE);
  CHECK_EQ(queued, 1u);  // the index of the wrong one
}

TEST(packet_ring_of_a_device_without_link_header_keeps_to_the_mtu_of_now) {
  interface.has_netlink = true;
  interface.type = ARPHRD_NONE;
  Fixture fixture;
  CHECK_EQ(fixture.send(0, 1500 + 1), -EMSGSIZE);
  interface.mtu = 1600;
  CHECK_EQ(fixture.send(0, 1600), 0);
  CHECK_EQ(fixture.send(1, 1600 + 1), -EMSGSIZE);
  CHECK_EQ(fixture.socket->state().max_length, 1600u);
}

TEST(packet_ring_asks_again_after_a_malformed_frame) {
  interface.has_netlink = true;
  Fixture fixture;
  interface.mtu = 1000;  // of which nobody has told
  kernel.malformed = 1400;
  CHECK_EQ(fixture.send(0, 1400), 0);
  CHECK_EQ(fixture.send(1, 1014), 0);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kFailed);
  CHECK(fixture.news.error_of(0) == EINVAL || fixture.news.error_of(0) == EMSGSIZE);
  REQUIRE(kernel.wire.size() == 1);
  CHECK_EQ(kernel.wire[0], 1014u);
  CHECK_EQ(fixture.news.passed.size(), 1u);
  CHECK_EQ(fixture.socket->mtu(), 1000u);
  CHECK_EQ(fixture.send(2, 1400), -EMSGSIZE);
}

TEST(packet_ring_ends_with_its_interface) {
  interface.has_netlink = true;
  Fixture fixture;
  kernel.room = 3;
  for (uint32_t i = 0; i < 6; ++i) CHECK_EQ(fixture.send(i, 100), 0);
  CHECK_EQ(fixture.send(8, 100), 0);  // waits for the place before it
  fixture.poll();
  interface.gone = true;
  fixture.socket->look_around();
  fixture.news.take(*fixture.socket);
  CHECK_EQ(fixture.news.errors, 1);
  CHECK_EQ(fixture.socket->state().failure, ENXIO);
  CHECK(fixture.socket->state().interface_gone);
  for (const uint64_t id : {3, 4, 5, 6}) CHECK_EQ(fixture.news.end_of(id), kFailed);
  for (const uint64_t id : {3, 4, 5, 6}) CHECK_EQ(fixture.news.error_of(id), ENXIO);
  CHECK_EQ(fixture.news.end_of(2), -1);  // the kernel has it
  CHECK(!fixture.socket->on_interface_gone());
  kernel.release(3);
  fixture.poll();
  CHECK_EQ(fixture.news.ends.size(), 7u);
  CHECK_EQ(fixture.news.most_times(), 1);
  CHECK_EQ(fixture.news.errors, 1);
}

TEST(packet_ring_tells_once_that_the_interface_cannot_send) {
  interface.has_netlink = true;
  Fixture fixture;
  interface.running = false;
  kernel.error = ENETDOWN;
  fixture.socket->look_around();
  CHECK_EQ(fixture.news.downs, 0);  // nothing waits
  CHECK_EQ(fixture.send(0, 100), 0);
  for (int i = 0; i < 3; ++i) fixture.poll();
  CHECK_EQ(fixture.news.downs, 1);
  CHECK(fixture.socket->state().link_down);
  interface.running = true;
  kernel.error = 0;
  fixture.socket->look_around();
  fixture.poll();
  CHECK_EQ(kernel.wire.size(), 1u);
  CHECK_EQ(fixture.news.errors, 0);
}

TEST(packet_ring_gives_up_once_what_never_comes_back) {
  Fixture fixture;
  CHECK_EQ(fixture.send(0, 100), 0);
  fixture.poll();
  fixture.socket->abort();
  fixture.socket->abort();
  fixture.news.take(*fixture.socket);
  CHECK_EQ(fixture.news.most_times(), 1);
  CHECK_EQ(fixture.news.retired.size(), 1u);
}

}  // namespace
