// libFuzzer's entry point; see scripts/fuzz.mjs.
#include <cstdio>
#include <cstdlib>

#include "ledger_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string wrong = fuzz::check_ledger(data, size);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "ledger: %s\n", wrong.c_str());
  std::abort();
}
