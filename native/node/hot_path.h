#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace zerosend {

// The functions that run for each send: raw Node-API and integers only, a third of the cost of an
// object wrap. JavaScript thread. `data` of each is the Environment. They return 0 (or a count), or
// a negated errno or Refusal, and never throw; arguments that TypeScript should not have let
// through answer -EINVAL.

// send(): its arguments and its answer, which is 1 when sends wait for room, kPrompt or kLookBack,
// are in the mailbox: reading and making JavaScript numbers would cost more than the call.
napi_value send_slot(napi_env env, napi_callback_info info);
// sendPlain(handle, Uint8Array, length, flags): answers 0 or kPrompt
napi_value send_plain(napi_env env, napi_callback_info info);
// sendExtents(handle, count, flags, ...Uint8Arrays): slab, slot, length and offset of each part are
// in the mailbox, where sendMany has its requests; a part with slab 0 lies in the next of the
// arrays
napi_value send_extents(napi_env env, napi_callback_info info);
// sendMany(handle, count, flags): slab, slot, length and flags of each are in the mailbox; `flags`
// are of the call, 0 where they are left out
napi_value send_many(napi_env env, napi_callback_info info);
// sendRun(): handle, slab, first slot, count and flags of the call are in the mailbox as those of
// send(), lengths (with Run::kZeroCopy) where sendMany has its requests
napi_value send_run(napi_env env, napi_callback_info info);
// poll(handle): the number of records now in the mailbox, which has the time where that is wanted
napi_value poll_socket(napi_env env, napi_callback_info info);
// lookBack(): reads what has completed of the latest sends, which kLookBack has asked for. Returns
// how many ranges of ids are in the mailbox whose memory can go back. They are no records: those
// are left for poll().
napi_value look_back(napi_env env, napi_callback_info info);
// arm(handle): 1 when that failed, so that there is news to poll
napi_value arm_socket(napi_env env, napi_callback_info info);
// setAlarm(nanoseconds): has the function of setDeliver() called after that time; 0 clears it
napi_value set_alarm(napi_env env, napi_callback_info info);

// Bits of `flags`; see lib/addon/addon.ts.
constexpr unsigned kFlagZeroCopy = 1;
constexpr unsigned kFlagDestination = 2;  // to the first destination of the mailbox
constexpr unsigned kFlagEach = 4;         // of a call: each message to its own destination
constexpr unsigned kFlagBegin = 8;        // begins where the mailbox says
constexpr unsigned kFlagPrompt = 16;      // of a send by itself: kPrompt may be answered,
constexpr unsigned kFlagRange = 32;       // and the send would begin a range of prompt sends

}  // namespace zerosend
