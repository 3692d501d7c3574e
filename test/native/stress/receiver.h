#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

namespace stress {

// What a TCP receiver saw of one connection.
struct StreamReport {
  uint32_t key;
  uint32_t end;       // see below
  uint64_t messages;  // that arrived whole
  uint64_t partial;   // bytes of the one after
  static constexpr uint32_t kEof = 0;
  static constexpr uint32_t kReset = 1;     // by the sender
  static constexpr uint32_t kResetter = 2;  // by the receiver
};

// The other end of all sockets: a process of its own, forked before there is any thread, that
// compares every byte. It ends with an error at the first wrong one.
class Receiver {
 public:
  struct Ports {
    uint16_t tcp = 0;
    uint16_t udp = 0;
    uint16_t closed = 0;  // nobody listens here, on neither protocol
    bool v6 = false;      // the same ports on ::1
  };

  void start();
  const Ports& ports() const { return ports_; }

  // Takes in what the process reports, without waiting. Dies when the process has.
  void collect();
  // The report on a connection, or null.
  const StreamReport* find(uint32_t key) const;

  // Tells the process that there is no more to come, and waits for its end.
  void finish();
  uint64_t datagrams() const { return datagrams_; }
  uint64_t stream_messages() const { return stream_messages_; }

 private:
  bool read_report(int flags);

  Ports ports_;
  pid_t pid_ = -1;
  int channel_ = -1;
  std::unordered_map<uint32_t, StreamReport> reports_;
  uint64_t datagrams_ = 0;
  uint64_t stream_messages_ = 0;
};

}  // namespace stress
