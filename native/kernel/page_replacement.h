#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/page_sharing.h"

namespace zerosend {

// There are two ways to part the process from pages that the kernel still reads. In both the kernel
// keeps the old pages with the old content, and the process goes on with pages of its own.

// Puts a private copy in the place of a whole mapping of ours, in one step, so that no reader ever
// sees anything else than the content. `address` and `length` are page-aligned. Returns 0 or an
// errno; after an error the mapping is as it was.
int replace_mapping(uint8_t* address, size_t length);

// Has all private memory of the process marked copy-on-write, by a child that does nothing but wait
// and exit. This is for memory that we do not own (plain Uint8Arrays somewhere in the heap, next to
// other data). A page to which the kernel holds a reference is then copied at the process's next
// write to it; all others stay where they are. Safe while other threads run. Costs page-table
// copying (about 15 ms a GiB of small pages in use), so it is for giving up only.
//
// The spans are what has to be marked. The child is made to get them where V8 withholds them, and
// what came of it is looked at (PageSharing): returns 0 only if every page of the spans was seen to
// be marked. EOPNOTSUPP when one was not, or that cannot be told, and when a span lies in memory
// that is never copied on write (a shared mapping, reserved huge pages); else the errno of what
// failed. After an error none of the spans may be written again.
int part_spans_from_kernel(const std::vector<Span>& spans);

}  // namespace zerosend
