#include "kernel/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>
#include <string>

#include "harness.h"

using zerosend::Address;

namespace {

bool parses(const std::string& text) {
  Address address;
  return Address::parse(text.c_str(), 9, &address);
}

}  // namespace

TEST(address_reads_ipv4) {
  Address address;
  REQUIRE(Address::parse("198.18.0.254", 65535, &address));
  CHECK_EQ(address.family(), AF_INET);
  CHECK_EQ(address.length, sizeof(sockaddr_in));
  CHECK_EQ(address.v4.sin_port, htons(65535));
  CHECK_EQ(address.v4.sin_addr.s_addr, htonl(0xc61200fe));
  CHECK_EQ(address.port(), 65535);
  CHECK_EQ(address.text(), "198.18.0.254");
}

TEST(address_reads_ipv6) {
  Address address;
  REQUIRE(Address::parse("2001:DB8::0:1", 1, &address));
  CHECK_EQ(address.family(), AF_INET6);
  CHECK_EQ(address.length, sizeof(sockaddr_in6));
  CHECK_EQ(address.port(), 1);
  CHECK_EQ(address.v6.sin6_scope_id, 0u);
  CHECK_EQ(address.text(), "2001:db8::1");
  REQUIRE(Address::parse("::ffff:198.18.0.1", 1, &address));
  CHECK_EQ(address.family(), AF_INET6);
  CHECK_EQ(address.text(), "::ffff:198.18.0.1");
}

TEST(address_reads_zones_by_name_and_number) {
  const unsigned lo = if_nametoindex("lo");
  REQUIRE(lo > 0);
  Address address;
  REQUIRE(Address::parse("fe80::1%lo", 5, &address));
  CHECK_EQ(address.v6.sin6_scope_id, lo);
  REQUIRE(Address::parse("fe80::1%7", 5, &address));
  CHECK_EQ(address.v6.sin6_scope_id, 7u);
  REQUIRE(Address::parse("fe80::1%4294967295", 5, &address));
  CHECK_EQ(address.v6.sin6_scope_id, 4294967295u);
}

TEST(address_says_its_zone) {
  Address address;
  REQUIRE(Address::parse("fe80::1%lo", 5, &address));
  CHECK_EQ(address.text(), "fe80::1%lo");
  REQUIRE(Address::parse(("fe80::1%" + std::to_string(if_nametoindex("lo"))).c_str(), 5, &address));
  CHECK_EQ(address.text(), "fe80::1%lo");
  REQUIRE(Address::parse("fe80::1%4294967295", 5, &address));  // no interface has it
  CHECK_EQ(address.text(), "fe80::1%4294967295");
}

TEST(address_refuses_zones_that_name_no_interface) {
  for (const char* zone : {"", "0", "nosuch0", "lo ", "7x", "0x7", "lo%lo"}) {
    if (parses(std::string("fe80::1%") + zone)) harness::Fail(__FILE__, __LINE__, zone);
  }
  // What a number parser would make an index of all the same: another interface than was meant.
  for (const char* zone :
       {" 7", "+7", "-1", "-4294967289", "4294967296", "4294967303", "99999999999999999999999"}) {
    if (parses(std::string("fe80::1%") + zone)) harness::Fail(__FILE__, __LINE__, zone);
  }
}

TEST(address_refuses_what_is_no_address) {
  for (const char* text : {"", " ", "localhost", "198.18.0", "198.18.0.256", "198.18.0.1 ",
                           " 198.18.0.1", "198.18.0.1:9", "198.18.0.1%lo", "198.018.0.1", "0x7f.1",
                           "::1::", ":", "[::1]", "12345::", "%lo"}) {
    if (parses(text)) harness::Fail(__FILE__, __LINE__, text);
  }
}

TEST(address_is_empty_after_a_refusal) {
  Address address;
  REQUIRE(Address::parse("198.18.0.1", 9, &address));
  CHECK(!Address::parse("fe80::1%nosuch0", 9, &address));
  CHECK_EQ(address.length, 0u);
  CHECK_EQ(address.text(), "");
  CHECK_EQ(address.port(), 0);
}

TEST(address_comes_from_what_the_kernel_says) {
  for (const char* text : {"198.18.0.1", "2001:db8::7"}) {
    Address given;
    REQUIRE(Address::parse(text, 1234, &given));
    sockaddr_storage storage{};
    std::memcpy(&storage, &given.base, given.length);
    const Address address = Address::from(storage, given.length);
    CHECK_EQ(address.length, given.length);
    CHECK_EQ(address.text(), text);
    CHECK_EQ(address.port(), 1234);
    // Cut short, it is none.
    CHECK_EQ(Address::from(storage, given.length - 1).length, 0u);
    CHECK_EQ(Address::from(storage, 0).length, 0u);
  }
  sockaddr_storage unix_domain{};
  unix_domain.ss_family = AF_UNIX;
  CHECK_EQ(Address::from(unix_domain, sizeof unix_domain).length, 0u);
}

TEST(address_is_none_at_first) {
  const Address address;
  CHECK_EQ(address.length, 0u);
  CHECK_EQ(address.port(), 0);
  CHECK_EQ(address.text(), "");
}
