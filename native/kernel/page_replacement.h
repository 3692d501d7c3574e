#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/page_sharing.h"

namespace zerosend {

// Two ways to separate the process from pages that the kernel still reads. In both, the kernel
// keeps the old pages with the old content, and the process goes on with new ones.

// Replaces a whole mapping of the library's by a private copy, in one step, so that a reader sees
// the same content at every moment. `address` and `length` are page-aligned. Returns 0 or an errno;
// after an error the mapping is as it was.
int replace_mapping(uint8_t* address, size_t length);

// Marks all private memory of the process copy-on-write, by cloning a child that does nothing but
// wait and exit. This is for memory that the library does not own (plain Uint8Arrays somewhere in
// the heap, next to other data). A page to which the kernel holds a reference is then copied at the
// process's next write to it; all others stay where they are. Safe while other threads run. It
// costs the copying of page tables (about 15 ms for each GiB of small pages in use), so it is only
// used when sends are given up.
//
// `spans` is the memory that has to be marked. Where V8 withholds it from children, that is undone
// first, and the result is verified (PageSharing): returns 0 only if every page of the spans was
// seen to be shared with the child. Returns EOPNOTSUPP when one was not, when that is not known,
// and when a span lies in memory that is never copied on write (a shared mapping, reserved huge
// pages); otherwise the errno of the call that failed. After an error none of the spans may be
// written again.
int part_spans_from_kernel(const std::vector<Span>& spans);

}  // namespace zerosend
