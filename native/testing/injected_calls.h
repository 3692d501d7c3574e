#pragma once

#include <cstdint>
#include <vector>

// The wrappers that stand in for system calls: they fail as faults.h says, and what the kernel at
// hand does not do by itself they make up.

namespace zerosend {

// Added to the kernel ids that recvmsg reports, so that a socket whose ledger starts elsewhere than
// at 0 meets the ids it expects.
void set_kernel_id_bias(uint32_t bias);

// The kind that queueing disciplines have, as netlink tells of them; empty: the one that they do
// have. For those that the kernel at hand does not know.
void set_qdisc_kind(const char* kind);

// What vm.max_map_count is read as; 0: what it is.
void set_map_count(uint32_t count);

// A completion as recvmsg reported it, bias included.
struct ReportedRange {
  uint32_t first;
  uint32_t last;
};

// The completions reported since the last call, of all sockets. The first call starts the record.
std::vector<ReportedRange> take_reported_ranges();

// Puts the wrappers into the table of system calls. Before any other thread runs.
void install_faults();

}  // namespace zerosend
