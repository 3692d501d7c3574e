// InetSocket: what the kernel has no room for. Everything here runs under the lock, on the
// JavaScript thread (send, send_many, poll) or on the poller thread (flush).

#include <cerrno>

#include "sockets/inet/inet_socket.h"

namespace zerosend {

// Hands the rest of an open send to the kernel, piece by piece, and moves `*offset` along. No more
// of a stream is sent at once than the budget has, since the call would keep the lock for as long
// as the peer takes in what it is sent.
InetSocket::Push InetSocket::push(uint64_t id, const Address* destination, uint32_t* offset,
                                  Budget* budget, int* error) {
  do {
    const Source source = ledger_.payload(id);
    const Attempt attempt = transmit(source, destination, *offset, budget->bytes);
    if (attempt.accepted < 0) {
      *error = attempt.error;
      return attempt.error == EAGAIN ? Push::kNoRoom : Push::kRefused;
    }
    const auto bytes = static_cast<uint32_t>(attempt.accepted);
    budget->spend(bytes);
    *offset += bytes;
    accept_piece(id, attempt.zerocopy, bytes, *offset >= source.length);
    if (*offset >= source.length) return Push::kDone;
  } while (!budget->is_spent());
  return Push::kSpent;
}

void InetSocket::enqueue(uint64_t id, const Address* destination, uint32_t offset) {
  queue_.push({id, offset, destination == nullptr ? Address{} : *destination});
  note_queued();
}

void InetSocket::fail_queued() {
  while (!queue_.empty()) {
    const Queued& entry = queue_.front();
    give_up(entry.id, entry.offset, reason());
    queue_.pop_front();
  }
}

// The rest of a send, from `offset` on, will not be sent.
void InetSocket::give_up(uint64_t id, uint32_t offset, int error) {
  count_unsent(ledger_.payload(id).length - offset);
  ledger_.fail(id, completer(), static_cast<uint16_t>(error));
}

// A part has been sent, so the send is accepted and has its id, whatever happens to the rest.
void InetSocket::send_rest(uint64_t id, const Address* destination, uint32_t offset) {
  int error = 0;
  Budget budget;
  budget.spend(offset);
  if (budget.is_spent()) {
    enqueue(id, destination, offset);
    return;
  }
  switch (push(id, destination, &offset, &budget, &error)) {
    case Push::kDone:
      ledger_.close(id, completer());
      break;
    case Push::kNoRoom:
    case Push::kSpent:
      enqueue(id, destination, offset);
      break;
    case Push::kRefused:
      give_up(id, offset, error);
      note_hole(error);
      break;
  }
}

// Returns whether more could be sent at once: the budget is used up, and the kernel still has room.
bool InetSocket::flush() {
  if (queue_.empty() || failed_) return false;
  if (!may_flush()) return false;
  Budget budget;
  while (!queue_.empty()) {
    if (budget.is_spent()) return true;
    Queued& entry = queue_.front();
    int error = 0;
    const Push result = push(entry.id, &entry.destination, &entry.offset, &budget, &error);
    if (result == Push::kNoRoom) return false;
    note_flushed();
    if (result == Push::kSpent) return true;
    if (result == Push::kDone) {
      ledger_.close(entry.id, completer());
    } else {
      note_hole(error);  // of a stream: fails this entry and all behind it
      if (failed_) return false;
      budget.spend(0);
      give_up(entry.id, entry.offset, error);
    }
    queue_.pop_front();
  }
  note_drained();
  return false;
}

}  // namespace zerosend
