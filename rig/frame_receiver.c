// A receiver of whole frames (AF_PACKET) that is independent of the library: it computes every
// checksum itself and follows the sequence numbers.
//
//   frame_receiver INTERFACE [--sequence OFFSET] [--save FILE]
//   frame_receiver --no-checksum-offload INTERFACE
// makes the kernel finish checksums before the device
//
// It prints JSON as receiver.c does: a line once it listens, and a last report when stdin ends. It
// counts frames to Ethernet address 02:00:00:00:00:02. --sequence: each frame's number is the 32
// bits at so many bytes into its UDP or TCP payload. --save: writes each frame with its length (32
// bits, host order) before it.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kMaxSequence = 1 << 24 };

static const uint8_t kOurs[6] = {2, 0, 0, 0, 0, 2};
static uint8_t seen[kMaxSequence / 8];
static uint64_t frames, bytes, bad_ip, bad_transport, bad_length, zero_udp, other, duplicates, late,
    vlans;
static int64_t highest = -1;
static uint64_t unique;

static void die(const char* what) {
  fprintf(stderr, "frame_receiver: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint32_t word(const uint8_t* at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t sum(const uint8_t* at, uint32_t length, uint32_t start) {
  uint64_t total = start;
  for (uint32_t i = 0; i < length; i++) total += i % 2 ? at[i] : (uint32_t)at[i] << 8;
  return (uint32_t)(total % 0xffff);
}

static void note_sequence(uint32_t number) {
  if (number >= kMaxSequence) {
    other++;
    return;
  }
  uint8_t bit = (uint8_t)(1u << number % 8);
  if (seen[number / 8] & bit) {
    duplicates++;
    return;
  }
  seen[number / 8] |= bit;
  unique++;
  if (number < highest)
    late++;
  else
    highest = number;
}

static void examine(const uint8_t* frame, uint32_t length, int32_t sequence) {
  uint32_t at = 12;
  while (at + 6 <= length && (word(frame + at) == 0x8100 || word(frame + at) == 0x88a8)) {
    vlans++;
    at += 4;
  }
  uint32_t type = word(frame + at);
  const uint8_t* ip = frame + at + 2;
  uint32_t left = length - at - 2;
  uint32_t header, addresses, size, protocol;
  if (type == ETH_P_IP) {
    header = (uint32_t)(ip[0] & 15) * 4;
    if (sum(ip, header, 0) != 0) bad_ip++;
    if (word(ip + 2) != left) bad_length++;
    addresses = sum(ip + 12, 8, 0);
    size = word(ip + 2) - header;
    protocol = ip[9];
  } else if (type == ETH_P_IPV6) {
    header = 40;
    if (word(ip + 4) + 40 != left) bad_length++;
    addresses = sum(ip + 8, 32, 0);
    size = word(ip + 4);
    protocol = ip[6];
  } else {
    other++;
    return;
  }
  const uint8_t* transport = ip + header;
  if (protocol != 6 && protocol != 17) {
    other++;
    return;
  }
  if (protocol == 17 && word(transport + 6) == 0) zero_udp++;
  if (sum(transport, size, addresses + protocol + size) != 0) bad_transport++;
  if (sequence < 0) return;
  const uint8_t* payload = transport + (protocol == 17 ? 8 : (uint32_t)(transport[12] >> 4) * 4);
  note_sequence(word(payload + sequence) << 16 | word(payload + sequence + 2));
}

static int open_socket(const char* name) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (fd < 0) die("socket");
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_ALL),
                                .sll_ifindex = (int)if_nametoindex(name)};
  if (address.sll_ifindex == 0) die(name);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  int size = 256 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) die("SO_RCVBUFFORCE");
  int on = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) die("PACKET_AUXDATA");
  return fd;
}

// The kernel removes the outermost tag from a frame. This puts it back.
static uint32_t put_tag_back(uint8_t* frame, uint32_t length, struct msghdr* message) {
  for (struct cmsghdr* c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata aux;
    memcpy(&aux, CMSG_DATA(c), sizeof aux);
    if (!(aux.tp_status & TP_STATUS_VLAN_VALID)) continue;
    memmove(frame + 16, frame + 12, length - 12);
    uint16_t tag[2] = {htons(aux.tp_vlan_tpid), htons(aux.tp_vlan_tci)};
    memcpy(frame + 12, tag, sizeof tag);
    return length + 4;
  }
  return length;
}

static void turn_offload_off(const char* name) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ethtool_value value = {.cmd = ETHTOOL_STXCSUM, .data = 0};
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  request.ifr_data = (void*)&value;
  if (ioctl(fd, SIOCETHTOOL, &request) != 0) die("ETHTOOL_STXCSUM");
  close(fd);
}

int main(int argc, char** argv) {
  int32_t sequence = -1;
  FILE* save = NULL;
  if (argc == 3 && strcmp(argv[1], "--no-checksum-offload") == 0) {
    turn_offload_off(argv[2]);
    return 0;
  }
  if (argc < 2) return 2;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--sequence") == 0) sequence = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--save") == 0 && !(save = fopen(argv[i + 1], "w"))) die(argv[i + 1]);
  }
  int fd = open_socket(argv[1]);
  printf("{\"type\":\"listening\",\"protocol\":\"frames\",\"pid\":%d}\n", (int)getpid());
  fflush(stdout);
  struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  static uint8_t frame[1 << 17];
  int ending = 0;
  for (;;) {
    // After the end of stdin, queued frames are still read.
    int ready = poll(fds, ending ? 1 : 2, ending ? 0 : -1);
    if (ready == 0 && ending) break;
    if (!ending && fds[1].revents) ending = 1;
    if (!(fds[0].revents & POLLIN)) continue;
    union {
      struct cmsghdr header;
      char bytes[256];
    } control;
    struct iovec piece = {frame, sizeof frame - 4};
    struct sockaddr_ll from;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      die("recvmsg");
    }
    if (received < 14 || memcmp(frame, kOurs, 6) != 0 || from.sll_pkttype == PACKET_OUTGOING)
      continue;
    uint32_t length = put_tag_back(frame, (uint32_t)received, &message);
    frames++;
    bytes += length;
    examine(frame, length, sequence);
    if (save && (fwrite(&length, 4, 1, save) != 1 || fwrite(frame, length, 1, save) != 1))
      die("fwrite");
  }
  if (save && fclose(save) != 0) die("fclose");
  struct tpacket_stats statistics = {0};
  socklen_t size = sizeof statistics;
  getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
  printf(
      "{\"type\":\"final\",\"protocol\":\"frames\",\"frames\":%lu,\"bytes\":%lu,\"badIp\":%lu,"
      "\"badTransport\":%lu,\"badLength\":%lu,"
      "\"zeroUdp\":%lu,\"other\":%lu,\"vlans\":%lu,\"unique\":%lu,\"duplicates\":%lu,"
      "\"late\":%lu,\"highest\":%ld,\"drops\":%u}\n",
      frames, bytes, bad_ip, bad_transport, bad_length, zero_udp, other, vlans, unique, duplicates,
      late, highest, statistics.tp_drops);
  return 0;
}
