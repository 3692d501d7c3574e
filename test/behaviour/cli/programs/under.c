// Runs a program under conditions that a test wants:
//   under [CONDITION ...] -- PROGRAM [ARGUMENT ...]
//     answer=ERRNO:CALL[:ARGUMENT=VALUE ...]  a seccomp filter answers for the kernel
//     kill:CALL[:ARGUMENT=VALUE ...]          a seccomp filter ends the process
//     tap=INTERFACE                           a packet socket listens to it, as tcpdump's does
//     sg-off=INTERFACE, checksums-off=INTERFACE   (ETHTOOL_SSG, ETHTOOL_STXCSUM)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char* what) {
  fprintf(stderr, "under: %s: %s\n", what, strerror(errno));
  exit(1);
}

static const struct {
  const char* name;
  unsigned number;
} kCalls[] = {
    {"socket", SYS_socket},         {"setsockopt", SYS_setsockopt}, {"recvmsg", SYS_recvmsg},
    {"sendto", SYS_sendto},         {"sendmsg", SYS_sendmsg},       {"bind", SYS_bind},
    {"connect", SYS_connect},       {"socketpair", SYS_socketpair}, {"ioctl", SYS_ioctl},
#ifdef SYS_epoll_wait
    {"epoll_wait", SYS_epoll_wait},
#endif
};

// One filter for each condition: the strictest answer of all counts.
static void filter(char* spec, unsigned action) {
  char* save = NULL;
  const char* name = strtok_r(spec, ":", &save);
  unsigned number = ~0u;
  for (size_t i = 0; i < sizeof kCalls / sizeof *kCalls; ++i) {
    if (name && !strcmp(name, kCalls[i].name)) number = kCalls[i].number;
  }
  if (number == ~0u) {
    errno = EINVAL;
    die("no such call");
  }
  struct sock_filter code[32];
  unsigned short length = 0;
  code[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 1, 0);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  for (char* part; (part = strtok_r(NULL, ":", &save)) && length < 28;) {
    unsigned argument = 0, value = 0;
    if (sscanf(part, "%u=%u", &argument, &value) != 2) die("argument");
    code[length++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument);
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
  struct sock_fprog program = {length, code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return;
  // Without privilege a filter needs this first.
  if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    die("seccomp");
  }
}

// Stays open in the program, which knows nothing of it.
static void tap(const char* interface) {
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_ALL),
                                .sll_ifindex = (int)if_nametoindex(interface)};
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("tap");
}

static void switch_off(unsigned command, const char* interface) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ethtool_value value = {.cmd = command, .data = 0};
  struct ifreq request = {.ifr_data = (char*)&value};
  strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) != 0) die("ethtool");
  close(fd);
}

int main(int argc, char** argv) {
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--") != 0; ++at) {
    char* given = argv[at];
    char* value = strchr(given, '=');
    if (!strncmp(given, "kill:", 5)) {
      filter(given + 5, SECCOMP_RET_KILL_PROCESS);
    } else if (value && !strncmp(given, "answer=", 7)) {
      char* call = strchr(given, ':');
      if (!call) die("answer");
      filter(call + 1, SECCOMP_RET_ERRNO | ((unsigned)atoi(value + 1) & SECCOMP_RET_DATA));
    } else if (value && !strncmp(given, "tap=", 4)) {
      tap(value + 1);
    } else if (value && !strncmp(given, "sg-off=", 7)) {
      switch_off(ETHTOOL_SSG, value + 1);
    } else if (value && !strncmp(given, "checksums-off=", 14)) {
      switch_off(ETHTOOL_STXCSUM, value + 1);
    } else {
      errno = EINVAL;
      die(given);
    }
  }
  if (at + 1 >= argc) {
    errno = EINVAL;
    die("no program");
  }
  execvp(argv[at + 1], argv + at + 1);
  die(argv[at + 1]);
}
