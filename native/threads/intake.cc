// Submitter: descriptors, out of the ring and into the channels. Under the lock of the intake, on
// the submission thread or on JavaScript's.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "threads/submitter.h"

namespace zerosend {
namespace {

// More lines than there are, as more sends than one call makes, are rubbish.
uint32_t lines_of(const uint32_t* line) {
  if ((line[Line::kOperation] & 0xff) != Line::kRun) return 1;
  return 1 + std::min(line[Line::kLengths], SharedRings::kLines);
}

}  // namespace

Submitter::Client* Submitter::find(uint32_t handle) {
  const auto found = clients_.find(handle);
  return found == clients_.end() ? nullptr : found->second.get();
}

// Points `source` at a slot. False when slab, slot or length are not what they claim.
bool Submitter::resolve(uint32_t slab, uint32_t slot, uint32_t length, Source* source) {
  source->length = length;
  if (slab >= slabs_.size() || !slabs_[slab]) return false;
  Slab* const memory = slabs_[slab].get();
  if (slot >= memory->slots() || length == 0 || length > memory->slot_size()) return false;
  source->slab = memory;
  source->slot = slot;
  source->data = memory->slot(slot);
  return true;
}

// Points `source` at send `i` of a run. Lengths of its own are in the lines that follow, which go
// on at the beginning of the ring when they have come to its end.
bool Submitter::read_run(const uint32_t* line, uint32_t i, Source* source) {
  uint32_t length = line[Line::kLength];
  if (line[Line::kLengths] != 0) {
    const auto at = static_cast<uint32_t>(line - shared_->lines) + SharedRings::kWordsOfLine + i;
    length = shared_->lines[at & (SharedRings::kLines * SharedRings::kWordsOfLine - 1)];
  }
  source->zerocopy = (length & Run::kZeroCopy) != 0;
  return resolve(line[Line::kSlab], line[Line::kSlot] + i, length & ~Run::kZeroCopy, source);
}

void Submitter::take_run(const uint32_t* line, Client& client) {
  const uint32_t count = std::min(line[Line::kCount], SharedRings::kMostOfRun);
  for (uint32_t i = 0; i < count; ++i) {
    Source source;
    const bool sound = read_run(line, i, &source);
    client.channel->push(source, nullptr, sound ? 0 : EINVAL);
  }
}

size_t Submitter::written(uint32_t lines, std::vector<Source>* sources) {
  if (!running_) return 0;
  MutexLock lock(intake_);
  const uint32_t tail = shared_->tail.word.load(std::memory_order_relaxed);
  size_t count = 0;
  for (uint32_t i = 0; i < std::min(lines, SharedRings::kLines);) {
    const uint32_t* line =
        shared_->lines + SharedRings::kWordsOfLine * ((tail + i) & (SharedRings::kLines - 1));
    const bool is_run = (line[Line::kOperation] & 0xff) == Line::kRun;
    const uint32_t sends = is_run ? line[Line::kCount] : 1;
    for (uint32_t k = 0; k < sends && count < sources->size(); ++k) {
      Source& source = (*sources)[count++];
      source = Source{};
      if (is_run) {
        read_run(line, k, &source);
      } else {
        resolve(line[Line::kSlab], line[Line::kSlot], line[Line::kLength], &source);
      }
    }
    i += lines_of(line);
  }
  return count;
}

// Returns how many lines the descriptor has.
uint32_t Submitter::take_line(const uint32_t* line, Client* client) {
  const uint32_t operation = line[Line::kOperation];
  const uint32_t lines = lines_of(line);
  if (client == nullptr) return lines;  // it has been closed, when nothing of it was in flight
  if ((operation & 0xff) == Line::kRun) {
    take_run(line, *client);
    return lines;
  }
  Source source;
  const bool sound = resolve(line[Line::kSlab], line[Line::kSlot], line[Line::kLength], &source);
  source.zerocopy = (operation & Line::kZeroCopy) != 0;
  Address to;
  const bool addressed = (operation & Line::kAddressed) != 0;
  if (addressed && line[Line::kAddress] <= sizeof to.v6) {
    to.length = line[Line::kAddress];
    std::memcpy(&to.v6, line + Line::kAddress + 1, to.length);
  }
  client->channel->push(source, addressed ? &to : nullptr, sound ? 0 : EINVAL);
  return lines;
}

bool Submitter::empty_ring() {
  const uint32_t tail = shared_->tail.word.load(std::memory_order_acquire);
  if (tail == head_) return false;
  uint32_t handle = 0;
  Client* client = nullptr;
  if (tail - head_ > SharedRings::kLines) head_ = tail - SharedRings::kLines;  // rubbish likewise
  while (static_cast<int32_t>(tail - head_) > 0) {
    const uint32_t* line =
        shared_->lines + SharedRings::kWordsOfLine * (head_ & (SharedRings::kLines - 1));
    if (client == nullptr || line[Line::kHandle] != handle) {
      handle = line[Line::kHandle];
      client = find(handle);
      if (client != nullptr) call(*client);
    }
    head_ += take_line(line, client);
  }
  head_ = tail;
  publish(shared_->head.word, head_, Publishes::kRoomForLines);
  return true;
}

void Submitter::call(Client& client) {
  if (client.called) return;
  client.called = true;
  called_.push_back(clients_[client.socket->handle()]);
  calls_.fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace zerosend
