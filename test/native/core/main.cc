// core_tests [part of a test's name]
//
// Prints the failures and, as its last line, "N passed, N failed". Exits 1 where a test failed or
// the argument matches none.
#include <cstdio>
#include <cstring>
#include <vector>

#include "harness.h"

namespace harness {

struct Test {
  const char* name;
  Body body;
};

// A function's static, since tests of other files register before this file's globals exist.
static std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

static int failures_of_test = 0;

bool Register(const char* name, Body body) {
  Tests().push_back({name, body});
  return true;
}

void Fail(const char* file, int line, const std::string& message) {
  constexpr int kMessagesPerTest = 10;
  if (++failures_of_test > kMessagesPerTest) return;
  std::printf("  %s:%d: %s\n", file, line, message.c_str());
}

}  // namespace harness

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a sanitizer may end the process at any line
  const char* filter = argc > 1 ? argv[1] : "";
  int passed = 0;
  int failed = 0;
  for (const harness::Test& test : harness::Tests()) {
    if (std::strstr(test.name, filter) == nullptr) continue;
    harness::failures_of_test = 0;
    test.body();
    (harness::failures_of_test == 0 ? passed : failed)++;
    if (harness::failures_of_test == 0) continue;
    std::printf("FAILED %s: %d checks\n", test.name, harness::failures_of_test);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  const bool nothing_matched = filter[0] != '\0' && passed + failed == 0;
  return failed > 0 || nothing_matched ? 1 : 0;
}
