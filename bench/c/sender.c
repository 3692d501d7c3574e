// Sends for as long as it is told to, and says what became of it.
//   stdin   one line a run: its length in milliseconds
//   stdout  "ready", then one line of JSON for each run
// Everything that a run sends has completed when its line is printed, and counts in its time.
#define _GNU_SOURCE  // RUSAGE_THREAD
#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

Totals totals;

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static double cpu_of(const struct rusage* usage) {
  return seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime);
}

static void run(double seconds) {
  struct rusage before, after, thread_before, thread_after;
  memset(&totals, 0, sizeof(totals));
  getrusage(RUSAGE_SELF, &before);
  getrusage(RUSAGE_THREAD, &thread_before);
  const double start = now();
  options.engine->send_until(start + seconds);
  options.engine->settle();
  const double elapsed = now() - start;
  getrusage(RUSAGE_THREAD, &thread_after);
  getrusage(RUSAGE_SELF, &after);
  printf(
      "{\"seconds\":%.6f,\"userSeconds\":%.6f,\"systemSeconds\":%.6f,\"threadSeconds\":%.6f"
      ",\"sends\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"completed\":%" PRIu64
      ",\"zerocopied\":%" PRIu64 ",\"copied\":%" PRIu64 ",\"inlined\":%" PRIu64
      ",\"notifications\":%" PRIu64 ",\"violations\":%" PRIu64 ",\"waits\":[",
      elapsed, seconds_of(after.ru_utime) - seconds_of(before.ru_utime),
      seconds_of(after.ru_stime) - seconds_of(before.ru_stime),
      cpu_of(&thread_after) - cpu_of(&thread_before), totals.sends, totals.bytes, totals.completed,
      totals.zerocopied, totals.copied, totals.inlined, totals.notifications, totals.violations);
  for (uint32_t i = 0; i < totals.waits_count; ++i) {
    printf("%s%.9f", i > 0 ? "," : "", totals.waits[i]);
  }
  puts("]}");
  fflush(stdout);
}

static void* sleep_on(void* unused) {
  for (;;) pause();
  return unused;
}

// The mere existence of a second thread has a cost: the kernel counts references to the descriptor
// at each call, and the C library's calls are cancellation points.
static void start_sleeping_thread(void) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, sleep_on, NULL);
  if (errno != 0) die("pthread_create");
}

int main(int argc, char** argv) {
  parse_options(argc, argv);
  if (options.thread) start_sleeping_thread();
  options.engine->open();
  puts("ready");
  fflush(stdout);
  double milliseconds;
  while (scanf("%lf", &milliseconds) == 1) run(milliseconds / 1000);
  return 0;
}
