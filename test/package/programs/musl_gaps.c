// Stands in for the dynamic linker of glibc, which Debian's libstdc++ and libgcc need: it lets
// these two be loaded by musl, for Bun, whose build for musl has to have a C++ library. They are
// the few symbols of glibc that musl does not have. The addon uses none of it.
#define _GNU_SOURCE
#include <locale.h>
#include <stddef.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;

unsigned arc4random(void) {
  unsigned value = 0;
  getrandom(&value, sizeof value, 0);
  return value;
}

size_t __strftime_l(char* text, size_t size, const char* format, const struct tm* time,
                    locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

// Destructors of thread-local objects are not run: what is tested ends with its process.
int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object, void* library) {
  (void)destroy;
  (void)object;
  (void)library;
  return 0;
}

int _dl_find_object(void* address, void* result) {
  (void)address;
  (void)result;
  return -1;  // not found: libgcc looks for itself then
}

struct {
  unsigned vendor, type, subtype, features[1];
} __cpu_model;

int __cpu_indicator_init(void) { return 0; }
