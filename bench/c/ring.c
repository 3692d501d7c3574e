// The mapped transmit ring of an AF_PACKET socket: the same ring, options and order as the
// library's (native/sockets/rings/packet_open.cc, native/sockets/rings/packet_socket.cc).
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "frame.h"

enum { kPayload = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), kBlock = 65536 };

static Outstanding outstanding;
static uint8_t* ring;
static uint32_t stride, head, tail;

static struct tpacket2_hdr* header(uint32_t index) {
  return (struct tpacket2_hdr*)(void*)(ring + (size_t)stride * index);
}

static uint32_t after(uint32_t index) { return index + 1 == options.frames ? 0 : index + 1; }

static void open_ring(void) {
  for (stride = 2048; stride < frame_bytes() + kPayload;) stride *= 2;
  const uint32_t block = stride > kBlock ? stride : kBlock;
  const uint32_t frames_of_block = block / stride;
  struct tpacket_req request = {.tp_block_size = block, .tp_frame_size = stride};
  request.tp_block_nr = (options.frames + frames_of_block - 1) / frames_of_block;
  request.tp_frame_nr = options.frames = request.tp_block_nr * frames_of_block;
  if (options.frames > kMaxSlots) usage();
  frame_socket();
  set_option(SOL_PACKET, PACKET_VERSION, TPACKET_V2, "PACKET_VERSION");
  const int size_in_flight = (int)((stride + 1024) * options.frames);
  const socklen_t length = sizeof(size_in_flight);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size_in_flight, length) != 0) {
    set_option(SOL_SOCKET, SO_SNDBUF, size_in_flight, "SO_SNDBUF");
  }
  if (setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof(request)) != 0) {
    die("PACKET_TX_RING");
  }
  frame_bind();
  const size_t size = (size_t)stride * options.frames;
  ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) die("mmap");
  for (uint32_t i = 0; i < options.frames; ++i) frame_lay(ring + (size_t)stride * i + kPayload);
}

static void send_one(void) {
  struct tpacket2_hdr* frame = header(head);
  frame_count((uint8_t*)frame + kPayload);
  frame->tp_len = frame->tp_snaplen = frame_bytes();
  outstanding_add(&outstanding, head);
  __atomic_store_n(&frame->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
  head = after(head);
}

static void kick(void) {
  if (sendto(fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) >= 0) return;
  if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) die("send");
}

static size_t reap_ring(void) {
  size_t count = 0;
  while (outstanding.count > 0) {
    const uint32_t status = __atomic_load_n(&header(tail)->tp_status, __ATOMIC_ACQUIRE);
    if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) break;
    if (status & TP_STATUS_WRONG_FORMAT) ++totals.violations;
    outstanding_end(&outstanding, tail);
    ++totals.zerocopied;
    tail = after(tail);
    ++count;
  }
  if (count > 0) ++totals.notifications;
  return count;
}

static const Ring self = {&outstanding, send_one, kick, reap_ring};

static void send_until(double end) { ring_send_until(self, end); }

static void settle(void) { ring_wait(self, 0); }

const Engine ring_engine = {open_ring, send_until, settle};
