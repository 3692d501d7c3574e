#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/recent_senders.h"
#include "kernel/address.h"
#include "kernel/slab.h"
#include "threads/poller.h"
#include "threads/submitter.h"

namespace zerosend {

// Memory that both sides read and write, so that the hot path passes only integers. JavaScript sees
// it as one ArrayBuffer, with a view for each member.
struct Mailbox {
  static constexpr size_t kRecords = 1024;   // of one batch; bounds a call into JavaScript
  static constexpr size_t kRecordSize = 4;   // handle, kind, first, last
  static constexpr size_t kRequests = 1024;  // of one sendMany call
  static constexpr size_t kRequestSize = 4;  // slab, slot, length, flags; of sendRun: length

  double batch[kRecords * kRecordSize];  // written by C++: the records
  // Written by C++: when poll() has looked, where `timed`, in nanoseconds of CLOCK_MONOTONIC.
  double time;
  uint32_t requests[kRequests * kRequestSize];  // written by JavaScript: what to send
  uint32_t call[5];  // written by JavaScript: handle, slab, slot, length, flags of send()
  int32_t answer;    // written by C++: of send()
  uint32_t queued;   // written by C++: sends that wait for room on the socket of the last call
  uint32_t timed;    // written by JavaScript: poll() is to note the time
  // Written by JavaScript, with the flags for them: where each message begins in its memory, and
  // where it goes. A message that is sent by itself has the first of each.
  uint32_t begins[kRequests];
  Address destinations[kRequests];  // the first is written by setDestination(), too
};

// All state of one JavaScript environment (the main thread or a worker): its poller, its slabs, and
// the thread-safe function through which the poller wakes it. It lives on the JavaScript thread;
// only the notification crosses.
//
// Teardown: the thread-safe function is made first, then the cleanup hook is registered, then (with
// the first socket) the thread is started. Hooks run in reverse order of registration, so ours
// joins the thread before Node takes the function away. A finalizer would come too late.
class Environment {
 public:
  // Throws into JavaScript and returns null when the environment refuses.
  static Environment* create(napi_env env);
  ~Environment();

  Poller& poller() { return poller_; }
  Submitter& submitter() { return submitter_; }
  Mailbox& mailbox() { return *mailbox_; }
  std::shared_ptr<Mailbox> shared_mailbox() { return mailbox_; }

  // The submission thread, with the memory of a typed array that is kept for as long as it runs.
  Failure start_submitter(napi_value array, SharedRings* shared, uint64_t spin_nanoseconds);
  // Has it serve a socket, whose cells are kept until the socket is closed. False where there is
  // no such socket.
  bool serve(uint32_t handle, napi_value array, SharedCells& cells);
  // The socket has been closed.
  void forget(uint32_t handle);

  // The function that gets the number of records in the mailbox, and whether the alarm has rung.
  napi_status set_deliver(napi_value function);

  // Whether the thread-safe function keeps the process alive.
  void keep_alive(bool on);

  // Slabs by handle, never 0. The table holds a slab until its pool releases it.
  uint32_t add_slab(std::shared_ptr<Slab> slab);
  void remove_slab(uint32_t handle);
  const std::shared_ptr<Slab>* slab(uint32_t handle) const {
    return handle < slabs_.size() && slabs_[handle] ? &slabs_[handle] : nullptr;
  }
  // The slab that a plain array is a view of, or null. It may have been released by its pool: the
  // view keeps it mapped.
  Slab* slab_around(const uint8_t* data);

  RecentSenders recent_senders;
  std::vector<Source> sources;   // scratch of send_many
  uint64_t first_id = 0;         // of new sockets; tests of the wrap start elsewhere
  uint64_t first_kernel_id = 0;  // likewise

 private:
  explicit Environment(napi_env env);

  static void on_cleanup(void* self);
  static void on_notify(napi_env env, napi_value, void* self, void*);
  void deliver_ready();

  napi_env env_;
  napi_threadsafe_function notifier_ = nullptr;
  napi_ref deliver_ = nullptr;
  bool kept_alive_ = false;
  std::shared_ptr<Mailbox> mailbox_;
  // A slab that is not in the table any more. Its addresses are kept, since the slab itself may
  // have been unmapped when somebody asks for them.
  struct Released {
    const uint8_t* begin;
    const uint8_t* end;
    std::weak_ptr<Slab> slab;
  };

  std::vector<std::shared_ptr<Slab>> slabs_{nullptr};
  std::vector<Released> released_;
  napi_ref rings_ = nullptr;                      // what the submission thread shares
  std::unordered_map<uint32_t, napi_ref> cells_;  // and of each socket, by its handle
  Poller poller_;
  Submitter submitter_;
};

}  // namespace zerosend
