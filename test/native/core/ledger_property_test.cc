// The ledger, with the coalescer behind it, against a model made of maps: whatever is split,
// copied, reordered, merged, repeated, invented or given up, every id comes out once, with the
// right outcome.

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "harness.h"
#include "random.h"
#include "sockets/news.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

using zerosend::Coalescer;
using zerosend::Ledger;
using zerosend::NotificationEffect;
using zerosend::Outcome;
using zerosend::Range;

namespace {

constexpr uint64_t kWrap = uint64_t{1} << 32;
enum Rank { kZeroCopied, kCopied, kInlined, kRevoked, kFailed };

// What a send holds. The number of those alive shows how many the ledger has released.
struct Memory {
  static int64_t held;
  uint64_t id = 0;
  bool holds = false;
  Memory() = default;
  explicit Memory(uint64_t i) : id(i), holds(true) { ++held; }
  Memory(Memory&& other) noexcept : id(other.id), holds(other.holds) { other.holds = false; }
  Memory& operator=(Memory&& other) noexcept {
    held -= holds;
    id = other.id;
    holds = other.holds;
    other.holds = false;
    return *this;
  }
  ~Memory() { held -= holds; }
};
int64_t Memory::held = 0;

struct Model {
  struct Send {
    int worst = kZeroCopied;
    uint64_t pieces = 0;  // with the kernel
    bool open = true;
    bool done = false;
  };
  std::map<uint64_t, Send> sends;
  std::map<uint64_t, uint64_t> with_kernel;  // kernel id to send
  std::set<uint64_t> given_up;               // kernel ids of revoked sends that were not notified
  uint64_t next_send;
  uint64_t next_kernel;
  uint64_t incomplete = 0;
  std::map<uint64_t, int> undelivered;

  void settle(uint64_t id) {
    Send& send = sends[id];
    if (send.done || send.open || send.pieces > 0) return;
    send.done = true;
    --incomplete;
    undelivered.emplace(id, send.worst);
  }

  NotificationEffect notify(uint64_t first, uint64_t last, bool copied) {
    NotificationEffect effect;
    for (uint64_t id = first; id <= last; ++id) {
      const auto found = with_kernel.find(id);
      if (found == with_kernel.end()) {
        ++(given_up.erase(id) > 0 ? effect.revoked : effect.duplicates);
        continue;
      }
      Send& send = sends[found->second];
      --send.pieces;
      if (copied) send.worst = std::max<int>(send.worst, kCopied);
      settle(found->second);
      with_kernel.erase(found);
      ++effect.completed;
    }
    return effect;
  }
};

class Run {
 public:
  Run(harness::Random& random, uint64_t first_send, uint64_t first_kernel)
      : random_(random), ledger_(first_send, first_kernel), first_kernel_(first_kernel) {
    model_.next_send = first_send_ = first_send;
    model_.next_kernel = first_kernel;
  }

  void steps(int count) {
    for (int i = 0; i < count; ++i) {
      step();
      CHECK_EQ(ledger_.next_send(), model_.next_send);
      CHECK_EQ(ledger_.kernel_outstanding(), model_.with_kernel.size());
      CHECK_EQ(ledger_.open_or_outstanding(), model_.incomplete);
      CHECK_EQ(Memory::held, static_cast<int64_t>(model_.incomplete));
    }
  }

  // Everything that is left, in random pieces and order.
  void finish() {
    while (!open_.empty()) close(random_.percent(80));
    while (!model_.with_kernel.empty()) notify_outstanding();
    CHECK_EQ(ledger_.kernel_outstanding(), 0u);
    CHECK_EQ(ledger_.open_or_outstanding(), 0u);
    while (!completed_.empty()) take();
    CHECK(model_.undelivered.empty());
    CHECK_EQ(delivered_, model_.next_send - first_send_);
    // Nothing above is worth anything for a kind of step that was not made.
    for (const char* kind :
         {"open", "zerocopy", "inline", "close", "fail", "retract", "notify", "repeat", "unknown",
          "backwards", "phantom", "merged phantom", "late phantom", "revoke", "late", "take"}) {
      if (made_[kind] < 10) harness::Fail(__FILE__, __LINE__, std::string("too few of ") + kind);
    }
  }

 private:
  auto sink() {
    return [this](uint64_t id, Outcome outcome, const Memory& memory) {
      CHECK_EQ(memory.id, id);
      CHECK(memory.holds);
      completed_.add(id, outcome);
    };
  }

  void step() {
    const uint64_t choice = random_.below(100);
    if (choice < 20) {
      if (random_.percent(10)) {
        batch();
      } else if (open_.size() < 5) {
        open();
      }
    } else if (choice < 40) {
      piece();
    } else if (choice < 60) {
      if (!open_.empty()) close(random_.percent(90));
    } else if (choice < 84) {
      if (!model_.with_kernel.empty()) notify_outstanding();
    } else if (choice < 87) {
      repeat();
    } else if (choice < 89) {
      garbage();
    } else if (choice < 91) {
      phantom();
    } else if (choice < 92) {
      if (open_.empty() || random_.percent(5)) revoke();
    } else {
      take();
    }
  }

  void open() {
    ++made_["open"];
    const uint64_t id = ledger_.open(Memory(model_.next_send));
    CHECK_EQ(id, model_.next_send);
    ++model_.next_send;
    ++model_.incomplete;
    model_.sends[id] = {};
    open_.push_back(id);
    if (random_.percent(80)) piece_of(id);
  }

  // Sends of one piece, added before the kernel says how many of them it accepts.
  void batch() {
    const uint64_t count = 1 + random_.below(4);
    const uint64_t refused = random_.below(count + 1);
    for (uint64_t i = 0; i < count; ++i) {
      CHECK_EQ(ledger_.add_sent(Memory(model_.next_send + i)), model_.next_send + i);
    }
    if (refused > 0) ++made_["retract"];
    ledger_.retract_sent(refused);
    for (uint64_t i = refused; i < count; ++i) {
      const uint64_t id = model_.next_send++;
      ++model_.incomplete;
      model_.sends[id] = {};
      model_.sends[id].open = false;
      model_.sends[id].pieces = 1;
      model_.with_kernel[model_.next_kernel++] = id;
    }
  }

  void piece() {
    if (!open_.empty()) piece_of(open_[random_.below(open_.size())]);
  }

  void piece_of(uint64_t id) {
    Model::Send& send = model_.sends[id];
    if (random_.percent(20)) {
      ++made_["inline"];
      ledger_.add_inline_piece(id);
      send.worst = std::max<int>(send.worst, kInlined);
      return;
    }
    ++made_["zerocopy"];
    ledger_.add_zerocopy_piece(id);
    ++send.pieces;
    model_.with_kernel[model_.next_kernel++] = id;
  }

  void close(bool well) {
    const size_t at = random_.below(open_.size());
    const uint64_t id = open_[at];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    Model::Send& send = model_.sends[id];
    send.open = false;
    if (well) {
      ++made_["close"];
      ledger_.close(id, sink());
    } else {
      ++made_["fail"];
      send.worst = kFailed;
      ledger_.fail(id, sink());
    }
    model_.settle(id);
  }

  void check(const NotificationEffect& got, const NotificationEffect& expected) {
    CHECK_EQ(got.completed, expected.completed);
    CHECK_EQ(got.duplicates, expected.duplicates);
    CHECK_EQ(got.unknown, expected.unknown);
    CHECK_EQ(got.phantoms, expected.phantoms);
    CHECK_EQ(got.revoked, expected.revoked);
    if (got.revoked > 0) ++made_["late"];
  }

  NotificationEffect tell(uint64_t first, uint64_t last, bool copied) {
    return ledger_.notify(static_cast<uint32_t>(first), static_cast<uint32_t>(last), copied,
                          sink());
  }

  // A part, or all, of a run of ids that the kernel has.
  void notify_outstanding() {
    ++made_["notify"];
    const auto& ids = model_.with_kernel;
    auto at =
        std::next(ids.begin(),
                  static_cast<std::ptrdiff_t>(random_.below(std::min<uint64_t>(ids.size(), 20))));
    const uint64_t first = at->first;
    uint64_t last = first;
    const uint64_t most = first + random_.below(random_.percent(20) ? 200 : 4);
    while (last < most && ids.count(last + 1) != 0) ++last;
    const bool copied = random_.percent(30);
    const NotificationEffect expected = model_.notify(first, last, copied);
    check(tell(first, last, copied), expected);
  }

  // Notifies any ids given out so far, whether they were notified before or not.
  void repeat() {
    if (model_.next_kernel == first_kernel_) return;
    ++made_["repeat"];
    const uint64_t back = random_.percent(20) ? 5000 : 100;
    const uint64_t given = model_.next_kernel - first_kernel_;
    const uint64_t first = model_.next_kernel - 1 - random_.below(std::min(given, back));
    const uint64_t last = std::min(first + random_.below(30), model_.next_kernel - 1);
    const bool copied = random_.percent(50);
    const NotificationEffect expected = model_.notify(first, last, copied);
    check(tell(first, last, copied), expected);
  }

  void garbage() {
    uint64_t first = model_.next_kernel + random_.below(50);
    uint64_t last = first + random_.below(50);
    if (random_.percent(40)) {
      ++made_["backwards"];
      std::swap(first, last);
      first += 1 + random_.below(60);
      if (random_.percent(50)) last = model_.next_kernel - random_.below(3);  // as far as known ids
    } else {
      ++made_["unknown"];
      const uint64_t given = model_.next_kernel - first_kernel_;
      if (random_.percent(50)) first = model_.next_kernel - std::min<uint64_t>(given, 5);
    }
    // Nor is it taken for a phantom, unless it ends where one would.
    const bool doubt = random_.percent(50) && last != model_.next_kernel;
    if (doubt) ledger_.doubt();
    const NotificationEffect effect = tell(first, last, false);
    if (doubt) CHECK_EQ(ledger_.doubts(), 1u);
    ledger_.dispel(1);
    CHECK_EQ(effect.completed, 0u);
    CHECK_EQ(effect.phantoms, 0u);
    // An id to come is one of 2^32 ids ago, too; all of them are counted as one or the other.
    const uint64_t count = static_cast<uint32_t>(last - first) + uint64_t{1};
    CHECK_EQ(effect.unknown + effect.duplicates, count);
    if (first <= model_.next_kernel || first > last) CHECK_EQ(effect.unknown, count);
  }

  // Refused sends, of which some took a kernel id. Their ids are notified at once, in one range
  // with earlier ids, or only after later ones.
  void phantom() {
    const uint64_t refused = 1 + random_.below(3);
    for (uint64_t i = 0; i < refused; ++i) ledger_.doubt();
    if (random_.percent(30) && !model_.with_kernel.empty()) notify_outstanding();
    uint64_t first = model_.next_kernel;
    if (random_.percent(50)) {  // the kernel has merged it with ids before it
      for (uint64_t n = random_.below(5); n > 0 && model_.with_kernel.count(first - 1) != 0; --n) {
        --first;
      }
    }
    const uint64_t taken = random_.below(refused + 1);
    const uint64_t late = taken > 1 && first == model_.next_kernel ? random_.below(taken) : 0;
    if (taken > 0) {
      ++made_[late > 0                      ? "late phantom"
              : first == model_.next_kernel ? "phantom"
                                            : "merged phantom"];
      NotificationEffect expected;
      if (first < model_.next_kernel) {
        expected = model_.notify(first, model_.next_kernel - 1, true);
      }
      expected.phantoms = taken - late;
      check(tell(first + late, model_.next_kernel + taken - 1, true), expected);
      if (late > 0) {
        NotificationEffect of_late;
        of_late.phantoms = late;
        check(tell(first, first + late - 1, random_.percent(50)), of_late);
      }
      model_.next_kernel += taken;
    }
    CHECK_EQ(ledger_.doubts(), refused - taken);
    ledger_.dispel(refused);
    CHECK(ledger_.certain());
  }

  void revoke() {
    while (!open_.empty()) close(false);
    ++made_["revoke"];
    std::set<uint64_t> expected;
    for (const auto& [kernel, send] : model_.with_kernel) expected.insert(send);
    ledger_.revoke(
        [&expected](uint64_t id, const Memory& memory) {
          CHECK_EQ(memory.id, id);
          CHECK_EQ(expected.erase(id), 1u);
        },
        sink());
    CHECK(expected.empty());
    for (const auto& [kernel, id] : model_.with_kernel) {
      Model::Send& send = model_.sends[id];
      send.worst = std::max<int>(send.worst, kRevoked);
      --send.pieces;
      model_.settle(id);
      model_.given_up.insert(kernel);
    }
    model_.with_kernel.clear();
  }

  void take() {
    ++made_["take"];
    Range ranges[8];
    const size_t count = completed_.take(ranges, 1 + random_.below(8));
    for (size_t i = 0; i < count; ++i) {
      for (uint64_t id = ranges[i].first; id <= ranges[i].last; ++id) {
        const auto found = model_.undelivered.find(id);
        REQUIRE(found != model_.undelivered.end());  // else completed twice, or too early
        CHECK_EQ(static_cast<int>(ranges[i].outcome), found->second);
        model_.undelivered.erase(found);
        ++delivered_;
      }
    }
  }

  harness::Random& random_;
  Ledger<Memory> ledger_;
  const uint64_t first_kernel_;
  uint64_t first_send_;
  Coalescer completed_;
  Model model_;
  std::vector<uint64_t> open_;
  uint64_t delivered_ = 0;
  std::map<std::string, int> made_;
};

}  // namespace

TEST(ledger_and_coalescer_agree_with_a_model) {
  harness::Random random("ledger_and_coalescer_agree_with_a_model");
  struct Start {
    uint64_t send;
    uint64_t kernel;
  };
  for (const Start& start : {Start{0, 0}, Start{0, kWrap - 100}, Start{kWrap - 50, kWrap - 4000},
                             Start{kWrap + 5, 2 * kWrap - 1}, Start{1 << 20, 7 * kWrap + 1}}) {
    Run run(random, start.send, start.kernel);
    run.steps(50'000);
    run.finish();
    CHECK_EQ(Memory::held, 0);
  }
}

// Ids leave the window when they are done with: memory follows what is outstanding, not what was
// ever sent.
TEST(ledger_memory_follows_the_window) {
  Ledger<uint64_t> ledger(0, kWrap - 1000);
  const auto ignore = [](uint64_t, Outcome, uint64_t) {};
  size_t early = 0;
  size_t late = 0;
  uint64_t notified = kWrap - 1000;
  for (uint64_t i = 0; i < 200'000; ++i) {
    const uint64_t id = ledger.open(i);
    ledger.add_zerocopy_piece(id);
    ledger.close(id, ignore);
    if (ledger.kernel_outstanding() == 32) {
      // In two halves, the later one first.
      const auto at = static_cast<uint32_t>(notified);
      ledger.notify(at + 16, at + 31, false, ignore);
      ledger.notify(at, at + 15, true, ignore);
      notified += 32;
    }
#if defined(__SANITIZE_ADDRESS__)
    if (i == 1000) early = __sanitizer_get_current_allocated_bytes();
    late = __sanitizer_get_current_allocated_bytes();
#endif
  }
  CHECK_EQ(ledger.kernel_outstanding(), 0u);
  CHECK_EQ(late, early);
}
