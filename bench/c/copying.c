// What the transmit ring is measured against: send(2) on the same sort of socket, which copies.
// Its buffers are used in turn: few stay in the cache, many do not.
#include <errno.h>
#include <sys/socket.h>

#include "frame.h"

static void open_all(void) {
  options.rotate = true;
  if (frame_bytes() > kSlotBytes) usage();
  pool_create(options.frames, kSlotBytes);
  for (uint32_t slot = 0; slot < options.frames; ++slot) frame_lay(pool_bytes(slot));
  frame_socket();
  set_option(SOL_SOCKET, SO_SNDBUF, kSendBuffer, "SO_SNDBUF");
  frame_bind();
}

static void send_one(void) {
  const double deadline = now() + kPatience / 1000.0;
  const uint32_t slot = pool_take();
  uint8_t* bytes = pool_bytes(slot);
  frame_count(bytes);
  while (send(fd, bytes, frame_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) die("send");
    frame_pause(deadline);
  }
  pool_put(slot);
  frame_sent();
  ++totals.completed;
  ++totals.inlined;
}

static void send_until(double end) {
  do {
    for (int i = 0; i < kClockEvery; ++i) send_one();
  } while (now() < end);
}

static void settle(void) {}

const Engine copying_engine = {open_all, send_until, settle};
