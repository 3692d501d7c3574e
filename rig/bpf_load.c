// Loads one of the rigs' BPF programs with the bpf(2) system call and pins it, so that `ip` or `tc`
// can attach it; one for a cgroup is attached at once. Usage:
//   bpf_load xdp-pass PATH | tc-loss PATH SHARE (0 < SHARE < 1) | cgroup-refuse CGROUP PORT |
//     sockmap PID PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static char verifier_log[16384];

static long bpf(enum bpf_cmd command, union bpf_attr* attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int load(enum bpf_prog_type type, uint32_t flags, const struct bpf_insn* program,
                uint32_t count) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.prog_type = type;
  attributes.prog_flags = flags;
  attributes.insns = (uint64_t)(uintptr_t)program;
  attributes.insn_cnt = count;
  attributes.license = (uint64_t)(uintptr_t)"GPL";
  attributes.log_level = 1;
  attributes.log_buf = (uint64_t)(uintptr_t)verifier_log;
  attributes.log_size = sizeof(verifier_log);
  int fd = (int)bpf(BPF_PROG_LOAD, &attributes);
  if (fd < 0) {
    fprintf(stderr, "bpf_load: BPF_PROG_LOAD: %s\n%s", strerror(errno), verifier_log);
  }
  return fd;
}

static int load_and_pin(enum bpf_prog_type type, uint32_t flags, const struct bpf_insn* program,
                        uint32_t count, const char* path) {
  union bpf_attr attributes;
  int fd = load(type, flags, program, count);
  if (fd < 0) return 1;
  memset(&attributes, 0, sizeof(attributes));
  attributes.pathname = (uint64_t)(uintptr_t)path;
  attributes.bpf_fd = (uint32_t)fd;
  if (bpf(BPF_OBJ_PIN, &attributes) < 0) {
    fprintf(stderr, "bpf_load: BPF_OBJ_PIN %s: %s\n", path, strerror(errno));
    return 1;
  }
  return 0;
}

// With an XDP program on it, veth copies every packet into pages of its own, as a network card
// would by DMA. HAS_FRAGS lets GSO packets of 64 KB through.
static int xdp_pass(const char* path) {
  const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT},
  };
  return load_and_pin(BPF_PROG_TYPE_XDP, BPF_F_XDP_HAS_FRAGS, program, 2, path);
}

// The program returns TC_ACT_STOLEN and not TC_ACT_SHOT: a shot packet is reported to the sender as
// refused by its own device, and TCP keeps it as not sent yet. A stolen one is lost as in a
// network.
static int tc_loss(const char* path, double share) {
  const struct bpf_insn program[] = {
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32},
      // The helper's result is 32 bits wide; w0 is compared as an unsigned number.
      {.code = BPF_JMP32 | BPF_JLT | BPF_K,
       .dst_reg = BPF_REG_0,
       .off = 2,
       .imm = (int32_t)(uint32_t)(share * 4294967296.0)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK},
      {.code = BPF_JMP | BPF_EXIT},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_STOLEN},
      {.code = BPF_JMP | BPF_EXIT},
  };
  return load_and_pin(BPF_PROG_TYPE_SCHED_CLS, 0, program, 6, path);
}

// Refuses what sockets of a cgroup send to a UDP port over IPv4, after the protocol has made
// packets of it: sendto(2) fails with EPERM. It is detached when the cgroup is removed.
static int cgroup_refuse(const char* cgroup, uint16_t port) {
  enum { kPortOffset = 20 + 2, kScratch = -8 };
  const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = kPortOffset},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_10},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = kScratch},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = sizeof(uint16_t)},
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = kScratch, .imm = 0},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_load_bytes},
      {.code = BPF_LDX | BPF_MEM | BPF_H,
       .dst_reg = BPF_REG_1,
       .src_reg = BPF_REG_10,
       .off = kScratch},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
      {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_1, .off = 1, .imm = htons(port)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes;
  int fd = load(BPF_PROG_TYPE_CGROUP_SKB, 0, program, sizeof(program) / sizeof(*program));
  if (fd < 0) return 1;
  memset(&attributes, 0, sizeof(attributes));
  attributes.target_fd = (uint32_t)open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  attributes.attach_bpf_fd = (uint32_t)fd;
  attributes.attach_type = BPF_CGROUP_INET_EGRESS;
  if (bpf(BPF_PROG_ATTACH, &attributes) < 0) {
    fprintf(stderr, "bpf_load: BPF_PROG_ATTACH %s: %s\n", cgroup, strerror(errno));
    return 1;
  }
  return 0;
}

// Puts the connections of a process to a TCP port into a sockmap whose program has all pass, as
// service meshes do. Says so, and takes them out when its input ends.
static int sockmap(int pid, uint16_t port) {
  const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_type = BPF_MAP_TYPE_SOCKMAP;
  attributes.key_size = attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = 64;
  const long map = bpf(BPF_MAP_CREATE, &attributes);
  const int fd = load(BPF_PROG_TYPE_SK_MSG, 0, program, 2);
  if (fd < 0) return 1;
  memset(&attributes, 0, sizeof(attributes));
  attributes.target_fd = (uint32_t)map;
  attributes.attach_bpf_fd = (uint32_t)fd;
  attributes.attach_type = BPF_SK_MSG_VERDICT;
  const int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (bpf(BPF_PROG_ATTACH, &attributes) < 0 || process < 0) {
    fprintf(stderr, "bpf_load: sockmap: %s\n", strerror(errno));
    return 1;
  }
  uint32_t taken = 0;
  for (int i = 0; i < 1024; ++i) {
    uint32_t theirs = (uint32_t)syscall(SYS_pidfd_getfd, process, i, 0);
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof(peer);
    const bool connected = getpeername((int)theirs, (struct sockaddr*)&peer, &length) == 0;
    memset(&attributes, 0, sizeof(attributes));
    attributes.map_fd = (uint32_t)map;
    attributes.key = (uint64_t)(uintptr_t)&taken;
    attributes.value = (uint64_t)(uintptr_t)&theirs;
    if (connected && peer.sin_family == AF_INET && peer.sin_port == htons(port) &&
        bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0) {
      ++taken;
    }
    close((int)theirs);  // nobody would see the end of a pipe that is kept here
  }
  printf("%u\n", taken);
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "xdp-pass") == 0) return xdp_pass(argv[2]);
  if (argc == 4 && strcmp(argv[1], "tc-loss") == 0) {
    double share = atof(argv[3]);
    if (share > 0 && share < 1) return tc_loss(argv[2], share);
  }
  if (argc == 4 && strcmp(argv[1], "cgroup-refuse") == 0) {
    return cgroup_refuse(argv[2], (uint16_t)atoi(argv[3]));
  }
  if (argc == 4 && strcmp(argv[1], "sockmap") == 0) {
    return sockmap(atoi(argv[2]), (uint16_t)atoi(argv[3]));
  }
  fprintf(stderr,
          "usage: bpf_load xdp-pass PATH | tc-loss PATH SHARE (0 < SHARE < 1) | "
          "cgroup-refuse CGROUP PORT | sockmap PID PORT\n");
  return 2;
}
