// The fuzz targets over the corpus that the fuzzer has gathered (test/native/fuzz/corpus), and over
// bytes made up here, without the fuzzer.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

// The targets themselves: what builds this folder knows nothing of that one.
// clang-format off
#include "../fuzz/ledger_check.cc"
#include "../fuzz/ledger_reference.cc"
#include "../fuzz/notification_check.cc"
// clang-format on
#include "harness.h"
#include "random.h"

namespace {

using Target = std::string (*)(const uint8_t*, size_t);

void check(Target target, const std::vector<uint8_t>& bytes, const std::string& name) {
  const std::string wrong = target(bytes.data(), bytes.size());
  if (!wrong.empty()) harness::Fail(__FILE__, __LINE__, name + ": " + wrong);
}

void replay(Target target, const char* folder) {
  const auto corpus = std::filesystem::path(__FILE__).parent_path() / "../fuzz/corpus" / folder;
  std::error_code error;
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(corpus, error)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    check(target, bytes, file.path().filename().string());
    ++files;
  }
  CHECK(files >= 10);
}

// Long inputs, which the fuzzer comes to last.
void invent(Target target, harness::Random& random, size_t inputs, size_t length) {
  for (size_t i = 0; i < inputs; ++i) {
    std::vector<uint8_t> bytes(random.below(length));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
    check(target, bytes, "made up");
  }
}

TEST(fuzz_corpus_of_the_notification_parser) { replay(fuzz::check_notification, "notification"); }

TEST(fuzz_corpus_of_the_ledger) { replay(fuzz::check_ledger, "ledger"); }

TEST(fuzz_made_up_operations_of_the_ledger) {
  harness::Random random("fuzz_made_up_operations_of_the_ledger");
  invent(fuzz::check_ledger, random, 300, 4000);
}

// Random bytes are hardly ever a control message, so the corpus is what they start from.
TEST(fuzz_made_up_changes_of_control_messages) {
  harness::Random random("fuzz_made_up_changes_of_control_messages");
  const std::vector<uint8_t> completion = {
      0,                          // not truncated
      32, 0, 0, 0, 0,  0, 0, 0,   // cmsg_len
      0,  0, 0, 0, 11, 0, 0, 0,   // IPPROTO_IP, IP_RECVERR
      0,  0, 0, 0, 5,  0, 1, 0,   // errno 0, SO_EE_ORIGIN_ZEROCOPY, copied
      7,  0, 0, 0, 9,  0, 0, 0};  // ids 7 to 9
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> bytes;
    for (uint64_t copies = 1 + random.below(3); copies > 0; --copies) {
      bytes.insert(bytes.end(), completion.begin() + (bytes.empty() ? 0 : 1), completion.end());
    }
    for (uint64_t changes = random.below(6); changes > 0; --changes) {
      bytes[random.below(bytes.size())] =
          static_cast<uint8_t>(random.percent(50) ? random.below(256) : random.below(48));
    }
    bytes.resize(bytes.size() - random.below(random.percent(30) ? bytes.size() : 1));
    check(fuzz::check_notification, bytes, "made up");
  }
}

}  // namespace
