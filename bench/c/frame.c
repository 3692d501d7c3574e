#include "frame.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint32_t frame_bytes(void) {
  return (uint32_t)options.size + (options.offload ? kOffloadHeader : 0);
}

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

void frame_lay(uint8_t* bytes) {
  const size_t length = strlen(options.frame) / 2;
  if (length > frame_bytes() || strspn(options.frame, "0123456789abcdef") != 2 * length) usage();
  memset(bytes, 0, frame_bytes());
  for (size_t i = 0; i < length; ++i) {
    bytes[i] = (uint8_t)(digit(options.frame[2 * i]) << 4 | digit(options.frame[2 * i + 1]));
  }
}

unsigned frame_interface(void) {
  const unsigned index = if_nametoindex(options.interface);
  if (index == 0) die(options.interface);
  return index;
}

void frame_socket(void) {
  fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (options.offload) set_option(SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
}

void frame_bind(void) {
  const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                      .sll_ifindex = (int)frame_interface()};
  if (bind(fd, (const struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
}

void frame_pause(double deadline) {
  const struct timespec time = {.tv_nsec = 50000};
  errno = ETIMEDOUT;
  if (now() > deadline) die("waiting for the kernel");
  nanosleep(&time, NULL);
}
