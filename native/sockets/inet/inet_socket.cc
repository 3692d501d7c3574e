#include "sockets/inet/inet_socket.h"

#include <sys/epoll.h>

#include <algorithm>
#include <thread>

#include "kernel/slot_replacement.h"

namespace zerosend {

InetSocket::InetSocket(const Setup& setup)
    : Socket(setup.fd, setup.epoll_fd, setup.max_queued),
      zerocopy_granted_(setup.zerocopy),
      ledger_(setup.first_id, setup.first_kernel_id) {}

uint32_t InetSocket::interest() const { return queue_.empty() ? 0u : EPOLLOUT; }

Socket::State InetSocket::do_state() const {
  State state;
  state.timestamp_error = timestamp_error_;
  return state;
}

void InetSocket::cut_off() {
  drain(SIZE_MAX);
  plain_parted_ = -1;  // less is held than at an earlier try
}

void InetSocket::revoke() {
  SlotReplacement slots;
  ledger_.for_each_held([&slots](const Source& held) {
    held.for_each_extent([&slots](const Extent& extent) {
      if (extent.slab) slots.add(extent.slab, extent.data, extent.length);
    });
  });
  slots.run();
  ledger_.revoke(
      [this, &slots](uint64_t id, const Source& source) {
        assert_locked();
        int error = 0;
        source.for_each_extent([this, &slots, &error](const Extent& extent) {
          assert_locked();
          if (error != 0) return;
          error = extent.slab ? slots.error_of(extent.slab, extent.data, extent.length)
                              : part_plain_memory();
        });
        if (error != 0) note_retired(id, error);
      },
      completer());
}

// Slabs need no care, since unmapping them leaves the kernel its pages. Plain memory goes back to
// the heap, so it has to be parted from the kernel, or waited for.
void InetSocket::leave_behind(std::chrono::steady_clock::time_point deadline) {
  using Clock = std::chrono::steady_clock;
  // Cloning the process and looking at its pages takes milliseconds, so that is tried ever less
  // often. Reading completions costs little, and is done each time.
  std::chrono::milliseconds pause{1};
  while (part_plain_memory() != 0 && Clock::now() < deadline) {
    const auto next = std::min(deadline, Clock::now() + pause);
    while (!plain_memory().empty() && Clock::now() < next) {
      cut_off();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    pause *= 2;
  }
  ledger_.revoke([](uint64_t, const Source&) {}, completer());
}

// Returns the memory that is not of a slab and that the kernel may still read.
std::vector<Span> InetSocket::plain_memory() {
  std::vector<Span> spans;
  ledger_.for_each_held([&spans](const Source& held) {
    held.for_each_extent([&spans](const Extent& extent) {
      if (!extent.slab) spans.push_back({extent.data, extent.length});
    });
  });
  return spans;
}

// Makes all plain memory that the kernel may still read safe to reuse, once, or answers an errno.
int InetSocket::part_plain_memory() {
  if (plain_parted_ < 0) {
    const std::vector<Span> spans = plain_memory();
    plain_parted_ = spans.empty() ? 0 : part_spans_from_kernel(spans);
  }
  return plain_parted_;
}

void InetSocket::rest() {
  slabs_.rest(ledger_.next_send(), ledger_.oldest_send());
  extents_.let_go(ledger_.oldest_send());
}

}  // namespace zerosend
