// stress [--seconds N] [--seed N] [--faults N] [--sockets N] [--signals] [--submission [--weaken
// N]]
//
// Plays JavaScript against the poller thread over loopback, at random, and checks that every id
// completes exactly once, that no wake-up is lost and that every byte arrives as it was. To be run
// under ThreadSanitizer and AddressSanitizer too. Exits 1 at the first broken rule.
//   --seconds   how long (default 10)
//   --seed      of all choices (default: of the clock); the threads' timing is not repeated
//   --faults    system calls of 1000 that are made to fail (default 15)
//   --sockets   open at a time (default 24)
//   --signals   interrupt both threads all the time
//   --submission  plays JavaScript's half of the protocol with the submission thread instead
//   --weaken    takes an order of that protocol away (Publishes of core/shared_words.h), which
//               ThreadSanitizer must notice
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "check.h"
#include "content.h"
#include "core/shared_words.h"
#include "faults.h"
#include "receiver.h"
#include "signals.h"
#include "submission.h"
#include "user.h"

namespace stress {

uint64_t run_seed = 0;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Options {
  uint32_t seconds = 10;
  uint32_t faults = 15;
  uint32_t sockets = 24;
  bool signals = false;
  bool submission = false;
};

uint64_t number(const char* text) {
  char* end = nullptr;
  const uint64_t value = std::strtoull(text, &end, 10);
  MUST(*text != '\0' && *end == '\0', "not a number: %s", text);
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  run_seed = static_cast<uint64_t>(Clock::now().time_since_epoch().count()) % 1'000'000'007;
  const option known[] = {
      {"seconds", required_argument, nullptr, 't'}, {"seed", required_argument, nullptr, 'r'},
      {"faults", required_argument, nullptr, 'f'},  {"sockets", required_argument, nullptr, 'n'},
      {"signals", no_argument, nullptr, 's'},       {"submission", no_argument, nullptr, 'b'},
      {"weaken", required_argument, nullptr, 'w'},  {}};
  int code;
  while ((code = getopt_long(argc, argv, "", known, nullptr)) != -1) {
    if (code == 't') options.seconds = static_cast<uint32_t>(number(optarg));
    if (code == 'r') run_seed = number(optarg);
    if (code == 'f') options.faults = static_cast<uint32_t>(number(optarg));
    if (code == 'n') options.sockets = static_cast<uint32_t>(number(optarg));
    if (code == 's') options.signals = true;
    if (code == 'b') options.submission = true;
    if (code == 'w') zerosend::weakened[number(optarg) & 3] = true;
    if (code == '?') std::_Exit(2);
  }
  MUST(optind == argc && options.sockets > 0, "see the comment at the top of main.cc");
  return options;
}

// What the receiver saw of each connection against what was sent.
uint64_t compare(const Receiver& receiver, const std::map<uint32_t, Sent>& sent) {
  uint64_t complete = 0;
  for (const auto& [key, connection] : sent) {
    const StreamReport* report = receiver.find(key);
    if (report == nullptr) {
      MUST(!connection.all_must_arrive || connection.messages == 0, "key %u: nothing arrived", key);
      continue;
    }
    MUST(report->messages <= connection.messages,
         "key %u: %" PRIu64 " messages arrived of %" PRIu64, key, report->messages,
         connection.messages);
    if (!connection.all_must_arrive) continue;
    MUST(report->messages == connection.messages && report->partial == 0 &&
             report->end == StreamReport::kEof,
         "key %u (peer %d): %" PRIu64 " of %" PRIu64 " messages and %" PRIu64
         " bytes arrived, end %u",
         key, static_cast<int>(peer_of(key)), report->messages, connection.messages,
         report->partial, report->end);
    ++complete;
  }
  return complete;
}

// A loopback interface of our own, where frames of any kind may go. Needs root, or user namespaces.
bool isolate() {
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  MUST(::ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo does not come up: errno %d", errno);
  ::close(fd);
  return true;
}

int run_with_thread(const Options& options) {
  install_faults(run_seed, options.faults);
  const uint64_t published =
      run_submission(Random(run_seed), Clock::now() + std::chrono::seconds(options.seconds));
  std::printf("stress of the submission thread: seed %" PRIu64 ", %" PRIu64 " published, %" PRIu64
              " faults\n",
              run_seed, published, fault_count());
  MUST(published > 0, "nothing was published");
  return 0;
}

int run(const Options& options) {
  if (options.submission) return run_with_thread(options);
  const bool rings = isolate();
  Receiver receiver;
  receiver.start();
  install_faults(run_seed, options.faults);
  SignalStorm storm;
  if (options.signals) storm.start();

  Random random(run_seed);
  Totals totals;
  std::map<uint32_t, Sent> sent;
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + std::chrono::seconds(options.seconds);
  uint32_t environments = 0;
  while (Clock::now() < end || environments == 0) {
    User user(Random(random.next()), storm, receiver, random.between(1, options.sockets), rings,
              totals, sent);
    user.run(milliseconds(random.one_in(3) ? random.between(1, 50) : random.between(100, 1500)));
    if (random.one_in(3)) {
      user.abandon();
    } else {
      user.finish();
    }
    ++environments;
  }
  storm.stop();
  receiver.finish();
  const uint64_t complete = compare(receiver, sent);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const std::pair<const char*, uint64_t> figures[] = {
      {"environments", environments},
      {"sockets", totals.sockets},
      {"of them rings", totals.rings},
      {"of them failed", totals.failed_sockets},
      {"of them aborted", totals.aborted_sockets},
      {"sends", totals.sends},
      {"zero-copied", totals.by_kind[0]},
      {"copied", totals.by_kind[1]},
      {"inline", totals.by_kind[2]},
      {"revoked", totals.by_kind[3]},
      {"failed", totals.by_kind[4]},
      {"abandoned", totals.abandoned},
      {"shared", totals.shared},
      {"refused", totals.refused},
      {"timestamps", totals.stamps},
      {"changes of the MTU", totals.mtu_changes},
      {"frames passed over", totals.passed},
      {"wakes", totals.wakes},
      {"calls", totals.calls},
      {"put back", totals.putbacks},
      {"faults", fault_count()},
      {"messages received over TCP", receiver.stream_messages()},
      {"connections complete", complete},
      {"datagrams received", receiver.datagrams()},
  };
  std::printf("stress: %.1f s, seed %" PRIu64, seconds, run_seed);
  for (const auto& [name, value] : figures) std::printf(", %" PRIu64 " %s", value, name);
  std::printf("%s\n", rings ? "" : " (no rights for rings)");
  MUST(totals.sends > 0 && receiver.stream_messages() > 0 && receiver.datagrams() > 0,
       "nothing was sent");
  return 0;
}

}  // namespace
}  // namespace stress

int main(int argc, char** argv) { return stress::run(stress::parse(argc, argv)); }
