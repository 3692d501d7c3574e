#include "kernel/netdev.h"

#include <linux/genetlink.h>

#include "kernel/interface.h"
#include "kernel/netlink.h"

namespace zerosend {
namespace {

// linux/netdev.h, Linux 6.3, 6.6 and 6.8.
constexpr uint8_t kDeviceGet = 1;
constexpr uint8_t kQueueGet = 10;
constexpr uint16_t kInterfaceIndex = 1;
constexpr uint16_t kZeroCopySegments = 4;
constexpr uint16_t kQueueInterfaceIndex = 2;
constexpr uint16_t kQueueType = 3;
constexpr uint32_t kTransmit = 1;

using Request = netlink::Request<genlmsghdr>;

// Returns the value of one attribute of the answer, or 0 where it has none.
template <class Value>
Value ask_for(const Request& request, uint16_t wanted) {
  Value value = 0;
  netlink::ask(NETLINK_GENERIC, request, [&](nlmsghdr* message) {
    netlink::for_each_attribute(message, sizeof(genlmsghdr), [&](rtattr* attribute) {
      if (attribute->rta_type == wanted) netlink::take(attribute, &value);
    });
  });
  return value;
}

// Returns the number of the netdev family in this kernel, or 0 where the kernel has no such family.
uint16_t family_id() {
  Request family(GENL_ID_CTRL, 0);
  family.body = {CTRL_CMD_GETFAMILY, 1, 0};
  family.add(CTRL_ATTR_FAMILY_NAME, "netdev", sizeof "netdev");
  return ask_for<uint16_t>(family, CTRL_ATTR_FAMILY_ID);
}

}  // namespace

uint32_t transmit_queues(uint32_t ifindex) {
  uint32_t count = 0;
  if (const uint16_t id = family_id()) {
    Request queues(id, NLM_F_DUMP);
    queues.body = {kQueueGet, 1, 0};
    queues.add(kQueueInterfaceIndex, &ifindex, sizeof ifindex);
    netlink::ask(NETLINK_GENERIC, queues, [&](nlmsghdr* message) {
      netlink::for_each_attribute(message, sizeof(genlmsghdr), [&](rtattr* attribute) {
        uint32_t type = 0;
        if (attribute->rta_type == kQueueType) netlink::take(attribute, &type);
        if (type == kTransmit) ++count;
      });
    });
  }
  InterfaceFacts facts;
  if (count == 0 && !read_interface(ifindex, &facts)) count = facts.queues;
  return count;
}

uint32_t zerocopy_segments(uint32_t ifindex) {
  const uint16_t id = family_id();
  if (id == 0) return 0;
  Request device(id, 0);
  device.body = {kDeviceGet, 1, 0};
  device.add(kInterfaceIndex, &ifindex, sizeof ifindex);
  return ask_for<uint32_t>(device, kZeroCopySegments);
}

}  // namespace zerosend
