// XdpSocket over rings whose kernel is in this file: completions that come late, or never.
#include "sockets/rings/xdp_socket.h"

#include <cstring>
#include <deque>

#include "harness.h"
#include "rings.h"

namespace {

using namespace rings;
using zerosend::HugePages;
using zerosend::InterfaceWatch;
using zerosend::XdpOptions;
using zerosend::XdpSocket;

constexpr int kDeadline = 800;
constexpr size_t kEntries = 256;  // where they begin in each ring

struct Ring {
  alignas(64) uint8_t bytes[kEntries + 64 * 1024];
  uint32_t& producer() { return *reinterpret_cast<uint32_t*>(bytes); }
  uint32_t& consumer() { return *reinterpret_cast<uint32_t*>(bytes + 64); }
  template <class Entry>
  Entry& at(uint32_t counter, uint32_t size) {
    return *reinterpret_cast<Entry*>(bytes + kEntries + sizeof(Entry) * (counter & (size - 1)));
  }
};

struct Kernel {
  Ring transmit, completion, fill;
  uint32_t size = 0;
  int budget = 0;                // descriptors that a call takes
  int room = 0;                  // descriptors that all calls together take
  std::deque<uint64_t> sending;  // addresses

  void complete_at(size_t index) {
    const uint64_t address = sending[index];
    sending.erase(sending.begin() + static_cast<std::ptrdiff_t>(index));
    completion.at<uint64_t>(completion.producer(), size) = address;
    __atomic_store_n(&completion.producer(), completion.producer() + 1, __ATOMIC_RELEASE);
  }
  void complete_all() {
    while (!sending.empty()) complete_at(0);
  }
  ssize_t send() {
    for (int left = budget; transmit.consumer() != transmit.producer(); --left) {
      if (left == 0 || room == 0) {
        errno = EAGAIN;
        return -1;
      }
      --room;
      sending.push_back(transmit.at<xdp_desc>(transmit.consumer(), size).addr);
      __atomic_store_n(&transmit.consumer(), transmit.consumer() + 1, __ATOMIC_RELEASE);
    }
    return 0;
  }
};

Kernel kernel;

struct Fixture {
  Seam seam;
  InterfaceWatch interfaces;
  std::shared_ptr<Slab> umem;
  std::shared_ptr<XdpSocket> socket;
  News news;

  explicit Fixture(uint32_t slots = 64) {
    CHECK_EQ(Slab::create(2048, slots, HugePages::kNone, &umem).error, 0);
    std::memset(&kernel.transmit, 0, sizeof kernel.transmit);
    std::memset(&kernel.completion, 0, sizeof kernel.completion);
    kernel.sending.clear();
    kernel.budget = kernel.room = 1 << 30;
    sys.bind = [](int, const sockaddr*, socklen_t) { return 0; };
    sys.setsockopt = [](int, int, int option, const void* value, socklen_t) {
      if (option == XDP_TX_RING) std::memcpy(&kernel.size, value, sizeof kernel.size);
      return 0;
    };
    sys.getsockopt = [](int, int, int name, void* value, socklen_t*) {
      if (name != XDP_MMAP_OFFSETS) {
        std::memset(value, 0, sizeof(xdp_options));
        return 0;
      }
      xdp_mmap_offsets offsets{};
      for (xdp_ring_offset* ring : {&offsets.rx, &offsets.tx, &offsets.fr, &offsets.cr}) {
        *ring = {0, 64, kEntries, 128};
      }
      std::memcpy(value, &offsets, sizeof offsets);
      return 0;
    };
    sys.mmap = [](void*, size_t, int, int, int, off_t offset) -> void* {
      if (offset == XDP_PGOFF_TX_RING) return kernel.transmit.bytes;
      if (offset == static_cast<off_t>(XDP_UMEM_PGOFF_COMPLETION_RING)) {
        return kernel.completion.bytes;
      }
      return kernel.fill.bytes;
    };
    sys.munmap = [](void*, size_t) { return 0; };
    sys.sendto = [](int, const void* data, size_t length, int, const sockaddr*, socklen_t) {
      if (data != nullptr) return static_cast<ssize_t>(length);  // a question by netlink
      return kernel.send();
    };
    XdpOptions options;
    options.interface = "lo";
    options.mode = XdpOptions::Mode::kCopy;
    options.umem = umem;
    options.deadline_ms = kDeadline;
    CHECK_EQ(XdpSocket::open(options, seam.epoll_fd(), interfaces, 0, &socket).error, 0);
    CHECK(socket != nullptr);
    CHECK_EQ(socket->attach(1).error, 0);
  }
  ~Fixture() {
    socket = nullptr;  // before the seam is put back: it unmaps
    sys.munmap = ::munmap;
    umem = nullptr;
  }

  void send(uint32_t slot) { CHECK_EQ(rings::send(*socket, *umem, slot, 100), 0); }
  void poll() {
    socket->poll();
    news.take(*socket);
  }
  // Milliseconds until id 0 has ended, with one frame sent and completed each `step`.
  int until_given_up(int step, int most) {
    uint32_t next = 1;
    for (int past = 0; past < most; past += step) {
      if (news.end_of(0) >= 0) return past;
      send(next++ % 32 + 1);
      poll();
      kernel.complete_at(kernel.sending.size() - 1);
      now_ms += step;
      poll();
    }
    return -1;
  }
};

TEST(xdp_gives_a_lost_frame_up_while_others_complete) {
  for (const int step : {1, 10, 100}) {
    Fixture fixture;
    fixture.send(0);
    fixture.poll();
    kernel.sending.clear();  // the device swallows it
    const int past = fixture.until_given_up(step, 5000);
    CHECK(past >= kDeadline);
    CHECK(past <= kDeadline + kDeadline / 8 + 2 * step);
    CHECK_EQ(fixture.news.end_of(0), kRevoked);
    CHECK_EQ(fixture.news.retired.size(), 1u);
    for (const auto& [id, end] : fixture.news.ends) {
      CHECK_EQ(end.times, 1);
      if (id > 0) CHECK_EQ(end.kind, static_cast<uint32_t>(kCopied));
    }
  }
}

TEST(xdp_gives_lost_frames_up_when_nothing_comes_back) {
  Fixture fixture;
  for (uint32_t i = 0; i < 5; ++i) fixture.send(i);
  fixture.poll();
  kernel.sending.clear();
  now_ms += kDeadline - 1;
  fixture.poll();
  CHECK(fixture.news.ends.empty());
  now_ms += 1;
  fixture.poll();
  CHECK_EQ(fixture.news.ends.size(), 5u);
  CHECK_EQ(fixture.news.end_of(4), kRevoked);
}

TEST(xdp_does_not_give_up_what_waits_in_the_ring) {
  Fixture fixture;
  kernel.room = 2;  // the device takes no more
  for (uint32_t i = 0; i < 6; ++i) fixture.send(i);
  fixture.poll();
  kernel.complete_all();
  for (int i = 0; i < 50; ++i) {
    now_ms += kDeadline / 4;
    fixture.poll();
  }
  CHECK_EQ(kernel.transmit.consumer(), 2u);
  CHECK_EQ(fixture.news.ends.size(), 2u);  // the rest waits, for as long as it takes
  CHECK(fixture.news.retired.empty());
  // Taken at last: the deadline begins now.
  kernel.room = 100;
  fixture.poll();
  now_ms += kDeadline / 2;
  fixture.poll();
  CHECK(fixture.news.retired.empty());
  kernel.complete_all();
  fixture.poll();
  CHECK_EQ(fixture.news.ends.size(), 6u);
  for (uint64_t id = 0; id < 6; ++id) CHECK_EQ(fixture.news.end_of(id), kCopied);
}

TEST(xdp_gives_up_a_lost_frame_though_others_wait_in_the_ring) {
  Fixture fixture;
  fixture.send(0);
  fixture.poll();
  kernel.sending.clear();
  kernel.room = 0;
  fixture.send(1);
  for (int i = 0; i < 8; ++i) {
    now_ms += kDeadline / 4;
    fixture.poll();
  }
  CHECK_EQ(fixture.news.end_of(0), kRevoked);
  CHECK_EQ(fixture.news.end_of(1), -1);
}

TEST(xdp_is_patient_with_a_slow_device) {
  Fixture fixture;
  for (uint32_t i = 0; i < 32; ++i) fixture.send(i);
  fixture.poll();
  // In order, one each quarter of the deadline: the last is out eight times as long.
  for (int i = 0; i < 32; ++i) {
    now_ms += kDeadline / 4;
    kernel.complete_at(0);
    fixture.poll();
  }
  CHECK_EQ(fixture.news.ends.size(), 32u);
  CHECK(fixture.news.retired.empty());
}

TEST(xdp_counts_what_comes_back_after_it_was_given_up) {
  Fixture fixture;
  fixture.send(0);
  fixture.poll();
  const std::deque<uint64_t> late = kernel.sending;
  kernel.sending.clear();
  now_ms += 2 * kDeadline;
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(0), kRevoked);
  kernel.sending = late;
  kernel.complete_all();
  fixture.poll();
  CHECK_EQ(fixture.news.most_times(), 1);
  CHECK_EQ(fixture.socket->counters()[zerosend::Counter::unknownIds], 1u);
}

TEST(xdp_kicks_again_what_a_kick_has_left) {
  Fixture fixture;
  kernel.budget = 1;
  for (uint32_t i = 0; i < 10; ++i) fixture.send(i);
  fixture.socket->arm();
  for (int i = 0; i < 100 && fixture.news.ends.size() < 10; ++i) {
    if (fixture.socket->on_ready(EPOLLIN).rearm) fixture.socket->rearm();
    kernel.complete_all();
    fixture.news.take(*fixture.socket);
  }
  CHECK_EQ(fixture.news.ends.size(), 10u);
}

TEST(xdp_keeps_to_the_mtu_of_now) {
  interface.has_netlink = true;
  Fixture fixture;
  const auto send = [&](uint32_t slot, uint32_t length) {
    return rings::send(*fixture.socket, *fixture.umem, slot, length);
  };
  CHECK_EQ(send(0, 1500 + 14), 0);
  CHECK_EQ(send(1, 1500 + 14 + 1), -EMSGSIZE);
  interface.mtu = 1600;
  CHECK_EQ(send(1, 1600 + 14), 0);  // asked before it is refused
  CHECK_EQ(fixture.socket->max_length(), 1600u + 14 + 4);
  interface.mtu = 1000;
  fixture.socket->arm();  // it rests, and so looks before it sends
  CHECK_EQ(send(2, 1400), -EMSGSIZE);
  const uint32_t lengths[] = {1000 + 14, 1000 + 14 + 1};
  uint32_t queued = 0;
  CHECK_EQ(fixture.socket->send_run({fixture.umem.get(), 2, 2, lengths}, &queued), -EMSGSIZE);
  CHECK_EQ(queued, 1u);  // the index of the wrong one
}

TEST(xdp_of_a_device_without_link_header_keeps_to_the_mtu_of_now) {
  interface.has_netlink = true;
  interface.type = ARPHRD_NONE;
  Fixture fixture;
  CHECK_EQ(rings::send(*fixture.socket, *fixture.umem, 0, 1500 + 1), -EMSGSIZE);
  interface.mtu = 1600;
  CHECK_EQ(rings::send(*fixture.socket, *fixture.umem, 0, 1600), 0);
  CHECK_EQ(fixture.socket->state().max_length, 1600u);
}

// What the kernel has not taken has failed. What it has, comes back, or is given up as ever.
TEST(xdp_ends_with_its_interface) {
  interface.has_netlink = true;
  Fixture fixture;
  kernel.room = 3;
  for (const uint32_t slot : {0, 1, 2, 2, 0, 3, 3}) fixture.send(slot);
  fixture.poll();
  REQUIRE(kernel.sending.size() == 3);
  interface.gone = true;
  fixture.socket->look_around();
  fixture.news.take(*fixture.socket);
  CHECK_EQ(fixture.news.errors, 1);
  CHECK_EQ(fixture.socket->state().failure, ENXIO);
  for (const uint64_t id : {3, 4, 5, 6}) CHECK_EQ(fixture.news.end_of(id), kFailed);
  for (const uint64_t id : {3, 4, 5, 6}) CHECK_EQ(fixture.news.error_of(id), ENXIO);
  CHECK_EQ(fixture.news.ends.size(), 4u);
  CHECK(!fixture.socket->on_interface_gone());
  kernel.complete_at(2);
  kernel.complete_at(1);
  fixture.poll();
  CHECK_EQ(fixture.news.end_of(1), kCopied);
  CHECK_EQ(fixture.news.end_of(2), kCopied);
  for (int i = 0; i < 10; ++i) {
    now_ms += kDeadline / 4;
    fixture.poll();
  }
  CHECK_EQ(fixture.news.end_of(0), kRevoked);
  CHECK_EQ(fixture.news.retired.size(), 1u);
  CHECK_EQ(fixture.news.ends.size(), 7u);
  CHECK_EQ(fixture.news.most_times(), 1);
}

}  // namespace
