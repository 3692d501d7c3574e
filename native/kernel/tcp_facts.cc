#include "kernel/tcp_facts.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr uint8_t kClosed = 7;  // TCP_CLOSE of enum tcp_state in include/net/tcp_states.h

}  // namespace

bool read_tcp_facts(int fd, TcpFacts* facts) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (sys.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return false;
  // An older kernel fills in a shorter structure, and returns its length.
  const auto told = [&](const auto& field) {
    const auto* begin = reinterpret_cast<const char*>(&info);
    const auto* end = reinterpret_cast<const char*>(&field) + sizeof field;
    return end - begin <= static_cast<ptrdiff_t>(length) ? static_cast<int64_t>(field) : -1;
  };
  facts->closed = info.tcpi_state == kClosed;
  facts->bytes_acked = told(info.tcpi_bytes_acked);
  facts->not_sent = told(info.tcpi_notsent_bytes);
  facts->round_trip = told(info.tcpi_rtt);
  facts->variation = told(info.tcpi_rttvar);
  facts->least_round_trip = told(info.tcpi_min_rtt);
  facts->retransmitted = told(info.tcpi_total_retrans);
  facts->unacknowledged = told(info.tcpi_unacked);
  facts->lost = told(info.tcpi_lost);
  facts->congestion_window = told(info.tcpi_snd_cwnd);
  facts->segment_size = told(info.tcpi_snd_mss);
  facts->send_window = told(info.tcpi_snd_wnd);
  facts->delivery_rate = told(info.tcpi_delivery_rate);
  return true;
}

// TCP refuses MSG_FASTOPEN to no address before it looks at anything else (EOPNOTSUPP, Linux 4.12:
// tcp_sendmsg_fastopen in net/ipv4/tcp.c), and the function that takes its place (tcp_bpf_sendmsg)
// does not look at the flag while there is nothing to send.
bool is_intercepted(int fd) {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  constexpr int kFlags = MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL;
  return ::sendto(fd, nullptr, 0, kFlags, &nobody, sizeof nobody) == 0;
}

}  // namespace zerosend
