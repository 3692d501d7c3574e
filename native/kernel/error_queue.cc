#include "kernel/error_queue.h"

// clang-format off: linux/errqueue.h uses struct timespec without declaring it
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace zerosend {
namespace {

// From linux/if_packet.h, which clashes with the C library's headers.
constexpr int kSolPacket = 263;
constexpr int kPacketTxTimestamp = 16;

constexpr size_t align(size_t length) {
  return (length + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
}

bool carries_extended_error(const cmsghdr& header) {
  return (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_RECVERR) ||
         (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_RECVERR) ||
         (header.cmsg_level == kSolPacket && header.cmsg_type == kPacketTxTimestamp);
}

Notification from_extended_error(const sock_extended_err& error) {
  Notification notification;
  switch (error.ee_origin) {
    case SO_EE_ORIGIN_ZEROCOPY:
      if (error.ee_errno != 0) return notification;
      notification.kind = Notification::Kind::kCompletion;
      notification.first = error.ee_info;
      notification.last = error.ee_data;
      notification.copied = (error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0;
      return notification;
    case SO_EE_ORIGIN_LOCAL:
    case SO_EE_ORIGIN_ICMP:
    case SO_EE_ORIGIN_ICMP6:
      notification.kind = Notification::Kind::kIcmp;
      notification.error = error.ee_errno;
      return notification;
    case SO_EE_ORIGIN_TIMESTAMPING:
      if (error.ee_info > static_cast<uint32_t>(Notification::Stage::kAcknowledged)) {
        return notification;
      }
      notification.kind = Notification::Kind::kTimestamp;
      notification.stage = static_cast<Notification::Stage>(error.ee_info);
      notification.key = error.ee_data;
      return notification;
    default:
      return notification;
  }
}

// The message has three times: the software's, an obsolete one, and the hardware's
// (timestamping.rst, 2.1).
void read_times(const uint8_t* data, size_t length, Notification* notification) {
  timespec times[3];
  if (length < sizeof times) return;
  std::memcpy(times, data, sizeof times);
  const bool software = times[0].tv_sec != 0 || times[0].tv_nsec != 0;
  const timespec& time = software ? times[0] : times[2];
  notification->of_device = !software;
  notification->seconds = static_cast<uint64_t>(time.tv_sec);
  notification->nanoseconds = static_cast<uint32_t>(time.tv_nsec);
}

}  // namespace

Notification parse_notification(const void* control, size_t length, bool truncated) {
  const auto* bytes = static_cast<const uint8_t*>(control);
  // A timestamp comes as two control messages: first the time, then the extended error that says
  // which packet it belongs to. Other control messages are skipped.
  Notification times;
  size_t at = 0;
  while (length - at >= sizeof(cmsghdr)) {
    cmsghdr header;
    std::memcpy(&header, bytes + at, sizeof header);
    if (header.cmsg_len < sizeof(cmsghdr) || header.cmsg_len > length - at) break;
    const size_t data_at = at + align(sizeof(cmsghdr));
    const size_t data_length = header.cmsg_len - sizeof(cmsghdr);
    if (carries_extended_error(header) && data_length >= sizeof(sock_extended_err)) {
      sock_extended_err error;
      std::memcpy(&error, bytes + data_at, sizeof error);
      Notification notification = from_extended_error(error);
      notification.of_device = times.of_device;
      notification.seconds = times.seconds;
      notification.nanoseconds = times.nanoseconds;
      return notification;
    }
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SO_TIMESTAMPING) {
      read_times(bytes + data_at, data_length, &times);
    }
    const size_t step = align(header.cmsg_len);
    if (step > length - at) break;
    at += step;
  }
  Notification notification;
  if (truncated) notification.kind = Notification::Kind::kTruncated;
  return notification;
}

}  // namespace zerosend
