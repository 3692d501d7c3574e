#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/page_sharing.h"

namespace zerosend {

// Two ways to part the process from pages that the kernel still reads. In both the kernel keeps the
// old pages with the old content, and the process goes on with pages of its own.

// For a whole mapping of ours: puts a private copy in its place, in one step, so that no reader
// ever sees anything else than the content. `address` and `length` are page-aligned.
// Returns 0 or an errno; after an error the mapping is as it was.
int replace_mapping(uint8_t* address, size_t length);

// For memory that we do not own (plain Uint8Arrays somewhere in the heap, next to other data): has
// the whole process's private memory marked copy-on-write, by a child that does nothing but exit.
// A page to which the kernel holds a reference is then copied at the process's next write to it;
// all others stay where they are. Safe while other threads run. Costs page-table copying (about
// 15 ms a GiB of small pages in use), so it is for giving up only. Returns 0 or an errno. Which
// pages were marked is not known then: see PageSharing.
int break_sharing_with_kernel();

// The same for certain memory, with what that needs besides, and with proof: 0 only if every page
// of the spans was seen to be marked. EOPNOTSUPP when one was not, or that cannot be told, and when
// a span lies in memory that is never copied on write (a shared mapping, reserved huge pages); else
// the errno of what failed. After an error none of the spans may be written again.
int part_spans_from_kernel(const std::vector<Span>& spans);

}  // namespace zerosend
