#include <cerrno>
#include <utility>

#include "check.h"
#include "content.h"
#include "user.h"

namespace stress {

using zerosend::Refusal;
using zerosend::Source;

namespace {

constexpr size_t kBatch = 100;  // more than the library hands to the kernel in one call
constexpr uint32_t kEthernetHeader = 14;

}  // namespace

uint32_t User::length_for(const Client& client, uint64_t id) {
  if (client.tcp()) return stream_length(client.key, id, id == client.first_id);
  if (client.ring()) return random_.between(kEthernetHeader, client.max_length);
  switch (random_.below(4)) {
    case 0:
      return random_.between(1, 200);
    case 1:
      return random_.between(1, client.max_length);
    default:
      return random_.between(1, client.max_length < 9000 ? client.max_length : 9000);
  }
}

// A pool with slots of that size, or null when chance finds none.
Pool* User::pool_for(Client& client, uint32_t length) {
  if (client.ring()) return client.own_pool.get();
  if (pools_.empty()) return nullptr;
  Pool* pool = pools_[random_.below(static_cast<uint32_t>(pools_.size()))].get();
  return pool->slot_size() >= length ? pool : nullptr;
}

bool User::fill_slot(Client& client, uint64_t id, Source* source, Holder* holder) {
  const uint32_t length = length_for(client, id);
  Pool* pool = nullptr;
  int slot = -1;
  for (int attempt = 0; attempt < 4 && slot < 0; ++attempt) {
    pool = pool_for(client, length);
    if (pool != nullptr) slot = pool->acquire();
  }
  if (slot < 0) return false;
  holder->pool = pool;
  holder->slot = static_cast<uint32_t>(slot);
  source->slab = pool->slab().get();
  source->slot = holder->slot;
  source->data = pool->bytes(holder->slot);
  source->length = length;
  write_message(pool->bytes(holder->slot), length, client.cell_size, client.key, id);
  return true;
}

void User::fill_plain(Client& client, uint64_t id, Source* source, Holder* holder) {
  holder->length = length_for(client, id);
  holder->plain = std::make_unique<uint8_t[]>(holder->length);
  source->data = holder->plain.get();
  source->length = holder->length;
  write_message(holder->plain.get(), holder->length, client.cell_size, client.key, id);
}

// False when there is no slot left.
bool User::make_source(Client& client, uint64_t id, Source* source, Holder* holder) {
  if (!client.ring() && random_.one_in(20)) {
    fill_plain(client, id, source, holder);
  } else if (!fill_slot(client, id, source, holder)) {
    return false;
  }
  source->zerocopy = source->length > 3000 ? !random_.one_in(8) : random_.one_in(3);
  return true;
}

void User::give_back(Holder&& holder) {
  if (holder.pool != nullptr) holder.pool->release_unsent(holder.slot);
}

bool User::accepted(Client& client, int32_t code, size_t count, uint32_t queued) {
  if (code == 0) {
    if (queued > 0) {
      client.need_drain = true;
      client.last_queued = client.next_id + count - 1;
    }
    totals_.sends += count;
    return true;
  }
  ++totals_.refused;
  const uint64_t given = sends_of(reactor_.socket(client));
  MUST(given == client.given(),
       "key %u: a refused send took an id: %" PRIu64 " given, not %" PRIu64, client.key, given,
       client.given());
  if (code == -static_cast<int32_t>(Refusal::kQueueFull)) {
    MUST(client.need_drain || count > client.max_queued, "key %u: full without a queue",
         client.key);
  } else if (code == -static_cast<int32_t>(Refusal::kClosed)) {
    if (client.state == Client::State::kOpen) client.expect_error = true;
  } else if (client.tcp()) {
    MUST(code == -ECONNRESET || code == -EPIPE || code == -ETIMEDOUT, "key %u: errno %d",
         client.key, -code);
    client.expect_error = true;
  } else if (client.ring()) {
    MUST(code == -EMSGSIZE && totals_.mtu_changes > 0,
         "key %u: a ring refused a frame with errno %d", client.key, -code);
  } else {
    // In fragments a datagram may need more than the socket's send buffer ever has.
    MUST(code == -ECONNREFUSED || code == -EHOSTUNREACH ||
             (code == -ENOBUFS && totals_.mtu_changes > 0),
         "key %u: errno %d", client.key, -code);
  }
  return false;
}

void User::send_one(Client& client) {
  Source source;
  Holder holder;
  if (!make_source(client, client.next_id, &source, &holder)) return;
  reactor_.mark_busy(client);
  uint32_t queued = 0;
  const int32_t code = reactor_.socket(client).send(source, &client.destination, &queued);
  if (accepted(client, code, 1, queued)) {
    client.sent(std::move(holder));
  } else {
    give_back(std::move(holder));
  }
}

void User::send_many(Client& client) {
  if (client.destination.length > 0) return send_one(client);  // batches go to the connected peer
  Source sources[kBatch];
  Holder holders[kBatch];
  const size_t wanted = random_.between(1, kBatch);
  size_t count = 0;
  while (count < wanted &&
         make_source(client, client.next_id + count, &sources[count], &holders[count])) {
    ++count;
  }
  if (count == 0) return;
  reactor_.mark_busy(client);
  uint32_t queued = 0;
  const int32_t code = reactor_.socket(client).send_many(sources, count, &queued);
  const bool taken = accepted(client, code, count, queued);
  for (size_t i = 0; taken && i < count; ++i) client.sent(std::move(holders[i]));
  for (size_t i = count; !taken && i-- > 0;) give_back(std::move(holders[i]));
}

// One slot through several datagram sockets at once, each with a lease. The content says whose it
// is, so the receiver can compare it wherever it comes from.
void User::send_shared() {
  Client* first = any_client();
  if (first == nullptr || !first->udp() || first->state != Client::State::kOpen) return;
  Source source;
  Holder holder;
  if (!fill_slot(*first, first->next_id, &source, &holder)) return;
  for (const auto& client : clients_) {
    if (!client->udp() || client->cell_size != first->cell_size ||
        client->state != Client::State::kOpen || source.length > client->max_length) {
      continue;
    }
    holder.pool->lease(holder.slot);
    Source copy = source;
    copy.zerocopy = !random_.one_in(4);
    reactor_.mark_busy(*client);
    uint32_t queued = 0;
    const int32_t code = reactor_.socket(*client).send(copy, &client->destination, &queued);
    Holder share;
    share.pool = holder.pool;
    share.slot = holder.slot;
    if (accepted(*client, code, 1, queued)) {
      ++totals_.shared;
      client->sent(std::move(share));
    } else {
      give_back(std::move(share));
    }
  }
  give_back(std::move(holder));
}

void User::send_some(Client& client) {
  if (client.state != Client::State::kOpen) {
    if (random_.one_in(4)) send_one(client);  // must be refused
    return;
  }
  if (random_.one_in(4)) {
    send_many(client);
    return;
  }
  for (uint32_t left = random_.between(1, 24); left > 0; --left) {
    send_one(client);
    if (client.ring() && random_.one_in(60)) change_mtu();
    if (random_.one_in(16)) reactor_.poll(client);
  }
}

}  // namespace stress
