#pragma once

#include <cstdint>
#include <vector>

// Wrappers that replace system calls: they fail as faults.h says, and simulate behaviour that the
// running kernel does not have.

namespace zerosend {

// A number that is added to the kernel ids that recvmsg reports, so that they fit a socket whose
// ledger does not start at 0.
void set_kernel_id_bias(uint32_t bias);

// The kind of queueing disciplines that netlink reports; empty for the real one. It stands in for
// kinds that the running kernel does not have.
void set_qdisc_kind(const char* kind);

// The value that vm.max_map_count is read as; 0 for the real one.
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
