#include "notification_check.h"

#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "kernel/error_queue.h"

namespace fuzz {
namespace {

using zerosend::Notification;
using zerosend::parse_notification;
using Kind = Notification::Kind;

template <class T>
T read(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Layouts of struct cmsghdr (64 bit) and struct sock_extended_err, written out so as not to share a
// mistake with the parser.
constexpr size_t kHeader = 16;
constexpr size_t kError = 16;

Notification reference(const uint8_t* bytes, size_t size, bool truncated) {
  Notification result;
  for (size_t at = 0; at + kHeader <= size;) {
    const auto length = read<uint64_t>(bytes + at);
    const auto level = read<int32_t>(bytes + at + 8);
    const auto type = read<int32_t>(bytes + at + 12);
    if (length < kHeader || length > size - at) break;
    const bool error = (level == 0 && type == 11) ||   // IPPROTO_IP, IP_RECVERR
                       (level == 41 && type == 25) ||  // IPPROTO_IPV6, IPV6_RECVERR
                       (level == 263 && type == 16);   // SOL_PACKET, PACKET_TX_TIMESTAMP
    if (error && length >= kHeader + kError) {
      const uint8_t* const data = bytes + at + kHeader;
      const auto number = read<uint32_t>(data);
      switch (data[4]) {  // ee_origin
        case 5:
          if (number != 0) return result;
          result.kind = Kind::kCompletion;
          result.copied = (data[6] & 1) != 0;       // ee_code
          result.first = read<uint32_t>(data + 8);  // ee_info
          result.last = read<uint32_t>(data + 12);  // ee_data
          return result;
        case 4:
          if (read<uint32_t>(data + 8) > 2) return result;  // SCM_TSTAMP_ACK is the last stage
          result.kind = Kind::kTimestamp;
          result.stage = static_cast<Notification::Stage>(data[8]);
          result.key = read<uint32_t>(data + 12);
          return result;
        case 1:
        case 2:
        case 3:
          result.kind = Kind::kIcmp;
          result.error = number;
          return result;
        default:
          return result;
      }
    }
    if (level == 1 && type == 37 && length >= kHeader + 48) {  // SOL_SOCKET, SO_TIMESTAMPING
      const uint8_t* const times = bytes + at + kHeader;
      const bool software = read<uint64_t>(times) != 0 || read<uint64_t>(times + 8) != 0;
      const uint8_t* const time = times + (software ? 0 : 32);
      result.seconds = read<uint64_t>(time);
      result.nanoseconds = static_cast<uint32_t>(read<uint64_t>(time + 8));
    }
    const uint64_t padded = (length + 7) / 8 * 8;
    if (padded > size - at) break;
    at += padded;
  }
  result = {};
  if (truncated) result.kind = Kind::kTruncated;
  return result;
}

bool same(const Notification& a, const Notification& b) {
  return a.kind == b.kind && a.copied == b.copied && a.first == b.first && a.last == b.last &&
         a.error == b.error && a.stage == b.stage && a.key == b.key && a.seconds == b.seconds &&
         a.nanoseconds == b.nanoseconds;
}

// A copy of the exact size, so that a sanitizer sees the first byte read beyond it.
Notification parse_copy(const std::string& bytes, bool truncated) {
  const auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return parse_notification(copy.get(), bytes.size(), truncated);
}

std::string foreign_message(size_t data) {
  std::string message((kHeader + data + 7) / 8 * 8, '\x5a');
  const uint64_t length = kHeader + data;
  const int32_t level = SOL_SOCKET;
  std::memcpy(&message[0], &length, sizeof length);
  std::memcpy(&message[8], &level, sizeof level);
  return message;
}

}  // namespace

std::string check_notification(const uint8_t* data, size_t size) {
  if (size == 0) return {};
  const bool truncated = (data[0] & 1) != 0;
  const size_t before = data[0] >> 3;
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);

  const Notification result = parse_copy(bytes, truncated);
  if (!same(result, reference(data + 1, size - 1, truncated))) return "not what cmsg(3) says";
  if (!same(parse_copy(foreign_message(before) + bytes, truncated), result)) {
    return "a message of another kind before it changes the result";
  }
  const bool found = result.kind == Kind::kCompletion || result.kind == Kind::kIcmp ||
                     result.kind == Kind::kTimestamp;
  if (found && !same(parse_copy(bytes + foreign_message(before), !truncated), result)) {
    return "what comes after it changes the result";
  }
  return {};
}

}  // namespace fuzz
