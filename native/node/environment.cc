#include "node/environment.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "node/hot_path.h"
#include "node/records.h"

namespace zerosend {

Environment::Environment(napi_env env)
    : env_(env),
      mailbox_(std::make_shared<Mailbox>()),
      poller_([this] {
        // Poller thread. Only one call of its own is under way at a time; where the queue is full
        // by one for the stream, that one has not begun, and will look at the list as well.
        napi_call_threadsafe_function(notifier_, nullptr, napi_tsfn_nonblocking);
      }),
      submitter_([this] {
        // Any thread. Where the queue is full, the call that fills it has not begun, and will look.
        napi_call_threadsafe_function(notifier_, nullptr, napi_tsfn_nonblocking);
      }) {}

Environment* Environment::create(napi_env env) {
  auto* self = new Environment(env);
  napi_value name;
  if (napi_create_string_utf8(env, "zerosend", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, self,
                                      on_notify, &self->notifier_) != napi_ok ||
      napi_unref_threadsafe_function(env, self->notifier_) != napi_ok ||
      napi_add_env_cleanup_hook(env, on_cleanup, self) != napi_ok) {
    napi_throw_error(env, "ERR_ZEROSEND_INTERNAL", "this environment takes no native poller");
    delete self;
    return nullptr;
  }
  return self;
}

Environment::~Environment() {
  submitter_.stop();
  poller_.stop();
}

void Environment::on_cleanup(void* data) {
  auto* self = static_cast<Environment*>(data);
  self->submitter_.stop();
  self->poller_.stop();
  napi_release_threadsafe_function(self->notifier_, napi_tsfn_abort);
  if (self->rings_ != nullptr) {
    napi_delete_reference(self->env_, std::exchange(self->rings_, nullptr));
  }
  for (const auto& [handle, cells] : std::exchange(self->cells_, {})) {
    napi_delete_reference(self->env_, cells);
  }
  if (self->deliver_ != nullptr) {
    napi_delete_reference(self->env_, std::exchange(self->deliver_, nullptr));
  }
}

Failure Environment::start_submitter(napi_value array, SharedRings* shared,
                                     uint64_t spin_nanoseconds) {
  if (napi_create_reference(env_, array, 1, &rings_) != napi_ok) return {ENOMEM, "pthread_create"};
  const Failure failed = submitter_.start(shared, spin_nanoseconds);
  if (failed) napi_delete_reference(env_, std::exchange(rings_, nullptr));
  return failed;
}

bool Environment::serve(uint32_t handle, napi_value array, SharedCells& cells) {
  napi_ref kept = nullptr;
  if (!submitter_.running() || poller_.find(handle) == nullptr || cells_.count(handle) > 0 ||
      napi_create_reference(env_, array, 1, &kept) != napi_ok) {
    return false;
  }
  cells_[handle] = kept;
  submitter_.add(handle, poller_.share(handle), cells, first_id);
  return true;
}

void Environment::forget(uint32_t handle) {
  submitter_.remove(handle);
  const auto found = cells_.find(handle);
  if (found == cells_.end()) return;
  napi_delete_reference(env_, found->second);
  cells_.erase(found);
}

napi_status Environment::set_deliver(napi_value function) {
  if (deliver_ != nullptr) napi_delete_reference(env_, std::exchange(deliver_, nullptr));
  return napi_create_reference(env_, function, 1, &deliver_);
}

void Environment::keep_alive(bool on) {
  if (on == kept_alive_) return;
  kept_alive_ = on;
  if (on) {
    napi_ref_threadsafe_function(env_, notifier_);
  } else {
    napi_unref_threadsafe_function(env_, notifier_);
  }
}

void Environment::on_notify(napi_env env, napi_value, void* self, void*) {
  if (env == nullptr) return;  // the environment is ending
  static_cast<Environment*>(self)->deliver_ready();
}

void Environment::deliver_ready() {
  submitter_.note_processor();
  const std::vector<uint32_t> handles = poller_.take_ready();
  size_t count = 0;
  uint32_t cut = 0;  // the socket that has filled the mailbox, and has more
  for (const uint32_t handle : handles) {
    Socket* socket = poller_.find(handle);
    if (socket == nullptr) continue;
    if (cells_.count(handle) > 0) {  // its news came before it had a channel
      socket->report_again();
      continue;
    }
    if (count == Mailbox::kRecords) {
      poller_.put_back(handle);
      continue;
    }
    bool more = false;
    count = collect(*mailbox_, handle, *socket, count, &more);
    if (more) cut = handle;
  }
  // The rest is delivered in the next turn of the event loop, so that other work is not starved.
  // The other sockets come first then, so that one with a long backlog does not starve them.
  if (cut != 0) poller_.put_back(cut);
  const bool alarm = poller_.take_alarm();
  if ((count == 0 && !alarm && !submitter_.running()) || deliver_ == nullptr) return;
  napi_value function;
  napi_value undefined;
  napi_value arguments[2];
  if (napi_get_reference_value(env_, deliver_, &function) != napi_ok || function == nullptr ||
      napi_get_undefined(env_, &undefined) != napi_ok ||
      napi_create_uint32(env_, static_cast<uint32_t>(count), &arguments[0]) != napi_ok ||
      napi_get_boolean(env_, alarm, &arguments[1]) != napi_ok) {
    return;
  }
  napi_call_function(env_, undefined, function, 2, arguments, nullptr);
}

uint32_t Environment::add_slab(std::shared_ptr<Slab> slab) {
  size_t i = 1;
  while (i < slabs_.size() && slabs_[i]) ++i;
  if (i == slabs_.size()) slabs_.emplace_back();
  submitter_.set_slab(static_cast<uint32_t>(i), slab);
  slabs_[i] = std::move(slab);
  return static_cast<uint32_t>(i);
}

void Environment::remove_slab(uint32_t handle) {
  if (handle >= slabs_.size() || !slabs_[handle]) return;
  submitter_.drop_slab(handle);
  const auto gone = [](const Released& one) { return one.slab.expired(); };
  released_.erase(std::remove_if(released_.begin(), released_.end(), gone), released_.end());
  const std::shared_ptr<Slab> slab = std::move(slabs_[handle]);
  released_.push_back({slab->data(), slab->data() + slab->size(), slab});
}

Slab* Environment::slab_around(const uint8_t* data) {
  for (const auto& slab : slabs_) {
    if (slab && slab->contains(data)) return slab.get();
  }
  for (const Released& one : released_) {
    if (data < one.begin || data >= one.end) continue;
    // The array that has the data holds the slab, so the slab outlives this pointer.
    if (const std::shared_ptr<Slab> slab = one.slab.lock()) return slab.get();
  }
  return nullptr;
}

}  // namespace zerosend
