#include "kernel/error_queue.h"

// clang-format off: linux/errqueue.h uses struct timespec without declaring it
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "harness.h"
#include "random.h"

using zerosend::Notification;
using zerosend::parse_notification;
using Kind = zerosend::Notification::Kind;

namespace {

constexpr int kSolPacket = 263;         // SOL_PACKET
constexpr int kPacketTxTimestamp = 16;  // PACKET_TX_TIMESTAMP
constexpr int kScmTimestamping = 37;    // SO_TIMESTAMPING_OLD

using Bytes = std::vector<uint8_t>;

// Appends a control message as the kernel lays it out: header, data, padding to 8 bytes.
void append(Bytes* control, int level, int type, const void* data, size_t length) {
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(length);
  header.cmsg_level = level;
  header.cmsg_type = type;
  const size_t at = control->size();
  control->resize(at + CMSG_SPACE(length));
  std::memcpy(control->data() + at, &header, sizeof header);
  std::memcpy(control->data() + at + CMSG_LEN(0), data, length);
}

sock_extended_err completion(uint32_t first, uint32_t last, bool copied = false) {
  sock_extended_err error{};
  error.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
  error.ee_code = copied ? SO_EE_CODE_ZEROCOPY_COPIED : 0;
  error.ee_info = first;
  error.ee_data = last;
  return error;
}

// With the address of the offender behind it, as the kernel sends it.
Bytes control_of(const sock_extended_err& error, int level = IPPROTO_IP, int type = IP_RECVERR) {
  struct {
    sock_extended_err error;
    sockaddr_in offender;
  } data{error, {}};
  Bytes control;
  append(&control, level, type, &data, sizeof data);
  return control;
}

void append_timestamps(Bytes* control) {
  const timespec stamps[3] = {{1, 2}, {3, 4}, {5, 6}};
  append(control, SOL_SOCKET, kScmTimestamping, stamps, sizeof stamps);
}

// Parses a copy that ends exactly where the control part does, so that the address sanitizer sees
// every read past its end. `offset` bytes of it lie before, to make it unaligned.
Notification parse(const Bytes& control, size_t length, bool truncated = false, size_t offset = 0) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[offset + length]);
  std::memcpy(copy.get() + offset, control.data(), length);
  return parse_notification(copy.get() + offset, length, truncated);
}
Notification parse(const Bytes& control, bool truncated = false) {
  return parse(control, control.size(), truncated);
}

void check_completion(const Notification& got, uint32_t first, uint32_t last, bool copied) {
  CHECK_EQ(got.kind, Kind::kCompletion);
  CHECK_EQ(got.first, first);
  CHECK_EQ(got.last, last);
  CHECK_EQ(got.copied, copied);
}

}  // namespace

TEST(notification_reads_completions_of_ipv4_ipv6_and_packet_sockets) {
  struct Family {
    int level;
    int type;
  };
  for (const Family& family : {Family{IPPROTO_IP, IP_RECVERR}, Family{IPPROTO_IPV6, IPV6_RECVERR},
                               Family{kSolPacket, kPacketTxTimestamp}}) {
    check_completion(parse(control_of(completion(3, 9), family.level, family.type)), 3, 9, false);
    check_completion(parse(control_of(completion(0, 0, true), family.level, family.type)), 0, 0,
                     true);
  }
}

TEST(notification_reads_a_completion_without_an_address_behind_it) {
  const sock_extended_err error = completion(1, 2);
  Bytes control;
  append(&control, IPPROTO_IP, IP_RECVERR, &error, sizeof error);
  check_completion(parse(control), 1, 2, false);
}

TEST(notification_keeps_the_ends_of_a_range_as_they_are) {
  check_completion(parse(control_of(completion(0xffff'fff0, 5))), 0xffff'fff0, 5, false);
  check_completion(parse(control_of(completion(0xffff'ffff, 0xffff'ffff))), 0xffff'ffff,
                   0xffff'ffff, false);
}

TEST(notification_reads_copied_from_one_bit_only) {
  sock_extended_err error = completion(0, 0);
  error.ee_code = 0xfe;
  check_completion(parse(control_of(error)), 0, 0, false);
  error.ee_code = 0xff;
  check_completion(parse(control_of(error)), 0, 0, true);
}

TEST(notification_takes_other_control_messages_for_nothing) {
  const uint64_t data[8] = {};
  struct Foreign {
    int level;
    int type;
  };
  // The numbers of IP_RECVERR (11) and IPV6_RECVERR (25) mean other things on other levels.
  for (const Foreign& foreign :
       {Foreign{SOL_SOCKET, IP_RECVERR}, Foreign{IPPROTO_IPV6, IP_RECVERR},
        Foreign{IPPROTO_IP, IPV6_RECVERR}, Foreign{IPPROTO_TCP, IP_RECVERR},
        Foreign{kSolPacket, IP_RECVERR}, Foreign{SOL_SOCKET, kScmTimestamping}}) {
    Bytes control;
    append(&control, foreign.level, foreign.type, data, sizeof data);
    CHECK_EQ(parse(control).kind, Kind::kUnknown);
    // ... and the completion behind it is found.
    const Bytes behind = control_of(completion(7, 8, true));
    control.insert(control.end(), behind.begin(), behind.end());
    check_completion(parse(control), 7, 8, true);
  }
}

TEST(notification_reads_a_timestamp_from_two_control_messages) {
  Bytes stamps;
  append_timestamps(&stamps);
  for (const bool v6 : {false, true}) {
    for (const uint32_t stage : {0u, 1u, 2u}) {
      sock_extended_err error{};
      error.ee_errno = ENOMSG;
      error.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
      error.ee_info = stage;
      error.ee_data = 0xffff'fff0;
      const Bytes origin = v6 ? control_of(error, IPPROTO_IPV6, IPV6_RECVERR) : control_of(error);
      Bytes both = stamps;
      both.insert(both.end(), origin.begin(), origin.end());
      const Notification got = parse(both);
      CHECK_EQ(got.kind, Kind::kTimestamp);
      CHECK_EQ(static_cast<uint32_t>(got.stage), stage);
      CHECK_EQ(got.key, 0xffff'fff0);
      CHECK_EQ(got.seconds, 1u);
      CHECK_EQ(got.nanoseconds, 2u);
      // Cut off before the origin it is no timestamp yet; without the times it has none.
      CHECK_EQ(parse(stamps).kind, Kind::kUnknown);
      CHECK_EQ(parse(origin).kind, Kind::kTimestamp);
      CHECK_EQ(parse(origin).seconds, 0u);
    }
  }
}

TEST(notification_takes_the_time_of_the_hardware_where_there_is_no_other) {
  const timespec times[3] = {{0, 0}, {9, 9}, {5, 6}};
  Bytes control;
  append(&control, SOL_SOCKET, kScmTimestamping, times, sizeof times);
  sock_extended_err error{};
  error.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
  const Bytes origin = control_of(error);
  control.insert(control.end(), origin.begin(), origin.end());
  const Notification got = parse(control);
  CHECK_EQ(got.seconds, 5u);
  CHECK_EQ(got.nanoseconds, 6u);
}

TEST(notification_reads_no_times_from_a_message_that_is_too_short) {
  const timespec times[3] = {{1, 2}, {3, 4}, {5, 6}};
  sock_extended_err error{};
  error.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
  const Bytes origin = control_of(error);
  for (size_t length = 0; length < sizeof times; length += 8) {
    Bytes control;
    append(&control, SOL_SOCKET, kScmTimestamping, times, length);
    control.insert(control.end(), origin.begin(), origin.end());
    const Notification got = parse(control);
    CHECK_EQ(got.kind, Kind::kTimestamp);
    CHECK_EQ(got.seconds, 0u);
    CHECK_EQ(got.nanoseconds, 0u);
  }
}

TEST(notification_knows_no_other_stages) {
  for (const uint32_t stage : {3u, 100u, 0xffff'ffffu}) {
    sock_extended_err error{};
    error.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
    error.ee_info = stage;
    CHECK_EQ(parse(control_of(error)).kind, Kind::kUnknown);
  }
}

TEST(notification_reads_icmp_and_local_errors) {
  for (const uint8_t origin : {SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6}) {
    sock_extended_err error{};
    error.ee_origin = origin;
    error.ee_errno = ECONNREFUSED;
    error.ee_info = 5;
    error.ee_data = 6;
    const Notification got = parse(control_of(error));
    CHECK_EQ(got.kind, Kind::kIcmp);
    CHECK_EQ(got.error, static_cast<uint32_t>(ECONNREFUSED));
  }
}

TEST(notification_passes_unknown_origins_over) {
  for (int origin = 0; origin < 256; ++origin) {
    if (origin >= SO_EE_ORIGIN_LOCAL && origin <= SO_EE_ORIGIN_ZEROCOPY) continue;
    sock_extended_err error = completion(0, 5);
    error.ee_origin = static_cast<uint8_t>(origin);
    CHECK_EQ(parse(control_of(error)).kind, Kind::kUnknown);
  }
}

TEST(notification_takes_a_completion_with_an_error_for_unknown) {
  sock_extended_err error = completion(0, 5);
  error.ee_errno = ENOMSG;
  CHECK_EQ(parse(control_of(error)).kind, Kind::kUnknown);
}

TEST(notification_is_unknown_without_control_messages) {
  CHECK_EQ(parse_notification(nullptr, 0, false).kind, Kind::kUnknown);
  CHECK_EQ(parse_notification(nullptr, 0, true).kind, Kind::kTruncated);
}

TEST(notification_counts_a_completion_before_the_cut) {
  Bytes control = control_of(completion(4, 6));
  check_completion(parse(control, true), 4, 6, false);
  const size_t whole = control.size();
  append_timestamps(&control);
  for (size_t cut = whole; cut < control.size(); ++cut) {
    check_completion(parse(control, cut, true), 4, 6, false);
  }
}

TEST(notification_says_when_the_cut_took_everything) {
  Bytes control;
  append_timestamps(&control);
  const size_t stamps = control.size();
  const Bytes origin = control_of(completion(4, 6));
  control.insert(control.end(), origin.begin(), origin.end());
  // As the kernel cuts: the header says how much of its message is left.
  for (size_t left = sizeof(cmsghdr); left < CMSG_LEN(sizeof(sock_extended_err)); ++left) {
    Bytes cut(control.begin(), control.begin() + static_cast<std::ptrdiff_t>(stamps + left));
    const size_t length = left;
    std::memcpy(cut.data() + stamps, &length, sizeof length);
    CHECK_EQ(parse(cut, true).kind, Kind::kTruncated);
    CHECK_EQ(parse(cut, false).kind, Kind::kUnknown);
  }
}

TEST(notification_trusts_no_length) {
  const Bytes valid = control_of(completion(4, 6));
  const size_t lengths[] = {0,
                            1,
                            sizeof(cmsghdr) - 1,
                            sizeof(cmsghdr),
                            CMSG_LEN(sizeof(sock_extended_err)) - 1,
                            valid.size() + 1,
                            SIZE_MAX / 2,
                            SIZE_MAX - 7,
                            SIZE_MAX - 1,
                            SIZE_MAX};
  for (const size_t length : lengths) {
    Bytes control = valid;
    std::memcpy(control.data(), &length, sizeof length);
    CHECK_EQ(parse(control).kind, Kind::kUnknown);
    // In the second message, too.
    Bytes behind;
    append_timestamps(&behind);
    behind.insert(behind.end(), control.begin(), control.end());
    CHECK_EQ(parse(behind).kind, Kind::kUnknown);
  }
}

TEST(notification_reads_unaligned_memory) {
  for (size_t offset = 1; offset < 16; ++offset) {
    Bytes control;
    append_timestamps(&control);
    const Bytes origin = control_of(completion(4, 6));
    control.insert(control.end(), origin.begin(), origin.end());
    check_completion(parse(control, control.size(), false, offset), 4, 6, false);
  }
}

TEST(notification_never_reads_past_any_prefix) {
  Bytes both;
  append_timestamps(&both);
  const Bytes origin = control_of(completion(4, 6));
  const size_t whole = both.size() + CMSG_LEN(sizeof(sock_extended_err) + sizeof(sockaddr_in));
  both.insert(both.end(), origin.begin(), origin.end());
  for (size_t length = 0; length <= both.size(); ++length) {
    const Notification got = parse(both, length);
    CHECK_EQ(got.kind, length < whole ? Kind::kUnknown : Kind::kCompletion);
    CHECK_EQ(parse(both, length, true).kind, length < whole ? Kind::kTruncated : Kind::kCompletion);
  }
}

// Valid messages with bytes turned over: no crash, no read past the end, and a completion only with
// the origin of one.
TEST(notification_survives_any_bytes) {
  harness::Random random("notification_survives_any_bytes");
  for (int round = 0; round < 50'000; ++round) {
    Bytes control;
    for (uint64_t parts = random.below(3); parts > 0; --parts) append_timestamps(&control);
    const Bytes origin = control_of(completion(4, 6));
    control.insert(control.end(), origin.begin(), origin.end());
    for (uint64_t flips = random.below(4); flips > 0; --flips) {
      // Mostly in the headers, where the lengths are.
      const uint64_t at = random.percent(70) ? random.below(24) : random.below(control.size());
      control[at] = static_cast<uint8_t>(random.below(256));
    }
    const size_t length = random.below(control.size() + 1);
    const bool truncated = random.percent(50);
    const Notification got = parse(control, length, truncated, random.below(3));
    if (got.kind == Kind::kTruncated) CHECK(truncated);
    if (got.kind == Kind::kCompletion) CHECK(length >= CMSG_LEN(sizeof(sock_extended_err)));
  }
}
