#include "ledger_check.h"

#include <memory>
#include <utility>
#include <vector>

#include "input.h"
#include "ledger_reference.h"
#include "sockets/news.h"

namespace fuzz {
namespace {

using zerosend::Coalescer;
using zerosend::Ledger;
using zerosend::NotificationEffect;
using zerosend::Outcome;
using zerosend::Range;

// The checker shares each payload, so that it sees when the ledger releases one.
using Payload = std::shared_ptr<uint64_t>;

constexpr size_t kMaxOpen = 40;

class Check {
 public:
  Check(uint64_t first_send, uint64_t first_kernel)
      : ledger_(first_send, first_kernel), reference_(first_send, first_kernel) {}

  std::string run(Input& input) {
    while (!input.empty() && wrong_.empty()) {
      step(input);
      compare();
    }
    finish();
    return wrong_;
  }

 private:
  void expect(bool holds, const char* what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }

  auto sink() {
    return [this](uint64_t id, Outcome outcome, const Payload& payload) {
      expect(payload && *payload == id, "a send completes with another's payload");
      done_.emplace_back(id, outcome);
      coalescer_.add(id, outcome);
    };
  }

  // After each operation of both: the ledger has completed what the reference has.
  void confirm() {
    for (const auto& [id, outcome] : done_) {
      expect(reference_.confirm(id, outcome), "an id completes wrongly");
    }
    done_.clear();
    expect(reference_.all_confirmed(), "an id does not complete");
  }

  void step(Input& input) {
    switch (input.below(14)) {
      case 0:
      case 1:
        open();
        break;
      case 2:
      case 3:
        piece(input);
        break;
      case 4:
        on_open_send(input, [this](uint64_t id) {
          ledger_.add_inline_piece(id);
          reference_.inline_piece(id);
        });
        break;
      case 5:
        on_open_send(input, [this](uint64_t id) {
          ledger_.close(id, sink());
          reference_.close(id);
        });
        break;
      case 6:
        on_open_send(input, [this](uint64_t id) {
          ledger_.fail(id, sink());
          reference_.fail(id);
        });
        break;
      case 7:
        batch(input);
        break;
      case 8:
        notify_outstanding(input);
        break;
      case 9:  // around the end of what was given out
        notify(static_cast<uint32_t>(reference_.next_kernel() - input.byte()),
               static_cast<uint32_t>(reference_.next_kernel() + input.byte() - 128), input);
        break;
      case 10: {  // anything
        const uint32_t first = input.word();
        notify(first, input.word(), input);
        break;
      }
      case 11: {
        const uint8_t many = input.byte();
        if ((many & 1) != 0 && reference_.doubts() < 16) {
          ledger_.doubt();
          reference_.doubt();
        } else {
          ledger_.dispel(many / 64);
          reference_.dispel(many / 64);
        }
        break;
      }
      case 12:
        revoke();
        break;
      default:
        take(input.below(9));
    }
  }

  void open() {
    if (reference_.sends().size() >= kMaxOpen) return;
    auto payload = std::make_shared<uint64_t>(reference_.next_send());
    payloads_.push_back(payload);
    expect(ledger_.open(std::move(payload)) == reference_.open(), "open() gives another id");
  }

  template <class Do>
  void on_open_send(Input& input, Do&& act) {
    const std::vector<uint64_t> ids = reference_.open_sends();
    if (ids.empty()) return;
    act(ids[input.below(ids.size())]);
  }

  void piece(Input& input) {
    on_open_send(input, [this](uint64_t id) {
      ledger_.add_zerocopy_piece(id);
      reference_.piece(id);
    });
  }

  // Sends of one piece, added before the kernel says how many of them it accepts.
  void batch(Input& input) {
    const size_t count = 1 + input.below(4);
    const size_t refused = input.below(count + 1);
    if (reference_.sends().size() + count > kMaxOpen) return;
    for (size_t i = 0; i < count; ++i) {
      auto payload = std::make_shared<uint64_t>(reference_.next_send() + i);
      if (i + refused < count) payloads_.push_back(payload);
      ledger_.add_sent(std::move(payload));
    }
    ledger_.retract_sent(refused);
    for (size_t i = refused; i < count; ++i) {
      const uint64_t id = reference_.open();
      reference_.piece(id);
      reference_.close(id);
    }
  }

  void notify_outstanding(Input& input) {
    const auto& outstanding = reference_.outstanding();
    if (outstanding.empty()) return;
    auto at = outstanding.begin();
    std::advance(at, input.byte() % outstanding.size());
    const auto first = static_cast<uint32_t>(at->first);
    notify(first, first + static_cast<uint32_t>(input.below(5)), input);
  }

  void notify(uint32_t first, uint32_t last, Input& input) {
    const auto outcome = static_cast<Outcome>(input.below(5));
    const NotificationEffect got =
        outcome <= Outcome::kCopied
            ? ledger_.notify(first, last, outcome == Outcome::kCopied, sink())
            : ledger_.settle_kernel(first, last, outcome, sink());
    const NotificationEffect expected = reference_.settle(first, last, outcome);
    expect(got.completed == expected.completed, "a notification completes other ids");
    expect(got.duplicates == expected.duplicates, "the duplicates are not those");
    expect(got.unknown == expected.unknown, "the unknown ids are not those");
    expect(got.phantoms == expected.phantoms, "the phantoms are not those");
    expect(got.revoked == expected.revoked, "the late notifications are not those");
  }

  // As Socket::abort does: what is queued fails, the rest is revoked.
  void revoke() {
    for (const uint64_t id : reference_.open_sends()) {
      ledger_.fail(id, sink());
      reference_.fail(id);
    }
    confirm();
    size_t parted = 0;
    ledger_.revoke(
        [this, &parted](uint64_t id, Payload& payload) {
          ++parted;
          expect(reference_.sends().count(id) == 1 && *payload == id, "another's memory is parted");
        },
        sink());
    expect(parted == reference_.sends().size(), "memory that the kernel reads is not parted");
    reference_.revoke();
  }

  void take(size_t max) {
    Range ranges[8];
    const size_t count = coalescer_.take(ranges, max);
    const std::vector<Range> expected = reference_.take(max);
    expect(count == expected.size(), "another number of ranges");
    for (size_t i = 0; i < count && wrong_.empty(); ++i) {
      expect(ranges[i] == expected[i], "another range");
    }
  }

  void compare() {
    confirm();
    expect(ledger_.next_send() == reference_.next_send(), "next_send()");
    expect(ledger_.next_kernel() == reference_.next_kernel(), "next_kernel()");
    expect(ledger_.doubts() == reference_.doubts(), "doubts()");
    expect(ledger_.certain() == (reference_.doubts() == 0), "certain()");
    expect(ledger_.open_or_outstanding() == reference_.sends().size(), "open_or_outstanding()");
    expect(ledger_.kernel_outstanding() == reference_.outstanding().size(), "kernel_outstanding()");
    expect(coalescer_.empty() != reference_.has_completed(), "empty()");
    size_t held = 0;
    ledger_.for_each_held([&held](const Payload&) { ++held; });
    expect(held == reference_.sends().size(), "for_each_held()");
    size_t alive = 0;
    for (const auto& payload : payloads_) alive += !payload.expired();
    expect(alive == reference_.sends().size(), "payloads are not released with their sends");
  }

  // Whatever happened, the books can be closed.
  void finish() {
    if (!wrong_.empty()) return;
    for (const uint64_t id : reference_.open_sends()) {
      ledger_.close(id, sink());
      reference_.close(id);
    }
    while (!reference_.outstanding().empty() && wrong_.empty()) {
      Input none(nullptr, 0);
      notify_outstanding(none);
      confirm();
    }
    while (reference_.has_completed() && wrong_.empty()) take(8);
    compare();
    expect(ledger_.open_or_outstanding() == 0, "something is outstanding at the end");
  }

  Ledger<Payload> ledger_;
  Coalescer coalescer_;
  LedgerReference reference_;
  std::vector<std::weak_ptr<uint64_t>> payloads_;
  std::vector<std::pair<uint64_t, Outcome>> done_;
  std::string wrong_;
};

}  // namespace

std::string check_ledger(const uint8_t* data, size_t size) {
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  constexpr uint64_t kStarts[] = {0, kWrap, 5 * kWrap, uint64_t{1} << 53};
  Input input(data, size);
  const uint64_t sends = kStarts[input.below(4)];
  const uint64_t kernel = kStarts[input.below(4)];
  const uint64_t before = input.below(64);
  Check check(sends == 0 ? 0 : sends - before, kernel == 0 ? 0 : kernel - before);
  return check.run(input);
}

}  // namespace fuzz
