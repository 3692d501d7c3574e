#include "os/netdev.h"

#include <linux/genetlink.h>

#include "os/netlink.h"

namespace zerosend {
namespace {

// linux/netdev.h, Linux 6.3 and 6.6.
constexpr uint8_t kDeviceGet = 1;
constexpr uint16_t kInterfaceIndex = 1;
constexpr uint16_t kZeroCopySegments = 4;

using Request = netlink::Request<genlmsghdr>;

// The value of one attribute of the answer, 0 without it.
template <class Value>
Value ask_for(const Request& request, uint16_t wanted) {
  Value value = 0;
  netlink::ask(NETLINK_GENERIC, request, [&](nlmsghdr* message) {
    netlink::for_each_attribute(message, sizeof(genlmsghdr), [&](rtattr* attribute) {
      if (attribute->rta_type != wanted || RTA_PAYLOAD(attribute) < sizeof value) return;
      std::memcpy(&value, RTA_DATA(attribute), sizeof value);
    });
  });
  return value;
}

}  // namespace

uint32_t zerocopy_segments(uint32_t ifindex) {
  Request family(GENL_ID_CTRL, 0);
  family.body = {CTRL_CMD_GETFAMILY, 1, 0};
  family.add(CTRL_ATTR_FAMILY_NAME, "netdev", sizeof "netdev");
  const auto id = ask_for<uint16_t>(family, CTRL_ATTR_FAMILY_ID);
  if (id == 0) return 0;
  Request device(id, 0);
  device.body = {kDeviceGet, 1, 0};
  device.add(kInterfaceIndex, &ifindex, sizeof ifindex);
  return ask_for<uint32_t>(device, kZeroCopySegments);
}

}  // namespace zerosend
