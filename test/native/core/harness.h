// A test harness of the size that the core needs: TEST(ids_start_at_0) { CHECK_EQ(ids.Next(), 0u);
// } A failing CHECK is reported and the test goes on; a failing REQUIRE ends the test.
#pragma once

#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace harness {

using Body = void (*)();

// Called by the static initialisers that TEST makes, before main.
bool Register(const char* name, Body body);
// Marks the running test as failed. The first few messages of each test are printed.
void Fail(const char* file, int line, const std::string& message);

template <typename T, typename = void>
struct IsPrintable : std::false_type {};
template <typename T>
struct IsPrintable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

template <typename T>
std::string Show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_enum_v<T>) {
    out << +static_cast<std::underlying_type_t<T>>(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    out << +value;  // + shows a uint8_t as a number
  } else if constexpr (IsPrintable<T>::value) {
    out << value;
  } else {
    out << "(" << sizeof(T) << " bytes)";
  }
  return out.str();
}

template <typename A, typename B>
void CheckEq(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) Fail(file, line, std::string(text) + ": " + Show(a) + " is not " + Show(b));
}

inline bool Check(bool ok, const char* text, const char* file, int line) {
  if (!ok) Fail(file, line, text);
  return ok;
}

}  // namespace harness

#define TEST(name)                                                                                 \
  static void test_##name();                                                                       \
  [[maybe_unused]] static const bool registered_##name = ::harness::Register(#name, &test_##name); \
  static void test_##name()

#define CHECK(condition) \
  static_cast<void>(::harness::Check(static_cast<bool>(condition), #condition, __FILE__, __LINE__))
#define CHECK_EQ(a, b) ::harness::CheckEq((a), (b), #a " == " #b, __FILE__, __LINE__)
#define REQUIRE(condition)                                                                       \
  do {                                                                                           \
    if (!::harness::Check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)) return; \
  } while (false)
