#include "kernel/device.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/netdev.h"
#include "kernel/netlink.h"

namespace zerosend {
namespace {

// Visits the attributes that are nested in another one.
template <class Visit>
void for_each_nested(rtattr* attribute, Visit&& visit) {
  auto left = static_cast<uint32_t>(RTA_PAYLOAD(attribute));
  auto* nested = static_cast<rtattr*>(RTA_DATA(attribute));
  for (; RTA_OK(nested, left); nested = RTA_NEXT(nested, left)) visit(nested);
}

bool parse_device(nlmsghdr* message, Device* device) {
  if (message->nlmsg_type != RTM_NEWLINK || !parse_interface(message, &device->interface))
    return false;
  const auto* body = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  device->loopback = (body->ifi_flags & IFF_LOOPBACK) != 0;
  netlink::for_each_attribute(message, sizeof *body, [&](rtattr* attribute) {
    switch (attribute->rta_type) {
      case IFLA_QDISC:
        device->qdisc = netlink::text_of(attribute);
        break;
      case IFLA_LINKINFO:
        for_each_nested(attribute, [&](const rtattr* nested) {
          if (nested->rta_type == IFLA_INFO_KIND) device->kind = netlink::text_of(nested);
        });
        break;
      case IFLA_XDP:
        for_each_nested(attribute, [&](const rtattr* nested) {
          if (nested->rta_type == IFLA_XDP_ATTACHED) netlink::take(nested, &device->xdp_mode);
        });
        break;
      default:
        break;
    }
  });
  return true;
}

// Makes an ethtool call (SIOCETHTOOL) through a socket of any kind. Returns 0 or an errno.
int ask(int fd, const std::string& name, void* data) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  request.ifr_data = static_cast<char*>(data);
  return sys.ioctl(fd, SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

// A command with an array of `size` bytes behind its head, in memory that is aligned for any type.
template <class Head>
struct Command {
  std::vector<uint64_t> room;
  explicit Command(size_t size) : room((sizeof(Head) + size) / sizeof(uint64_t) + 1) {}
  Head* head() { return reinterpret_cast<Head*>(room.data()); }
};

// How many features this kernel knows.
int count_features(int fd, const std::string& name, uint32_t* count) {
  Command<ethtool_sset_info> command(sizeof(uint32_t));
  command.head()->cmd = ETHTOOL_GSSET_INFO;
  command.head()->sset_mask = 1ULL << ETH_SS_FEATURES;
  if (const int error = ask(fd, name, command.head())) return error;
  *count = command.head()->sset_mask == 0 ? 0 : command.head()->data[0];
  return 0;
}

int read_features(int fd, Device* device) {
  const std::string& name = device->interface.name;
  uint32_t count = 0;
  if (const int error = count_features(fd, name, &count)) return error;
  Command<ethtool_gstrings> names(size_t{count} * ETH_GSTRING_LEN);
  names.head()->cmd = ETHTOOL_GSTRINGS;
  names.head()->string_set = ETH_SS_FEATURES;
  names.head()->len = count;
  if (const int error = ask(fd, name, names.head())) return error;
  const uint32_t blocks = (count + 31) / 32;
  Command<ethtool_gfeatures> states(blocks * sizeof(ethtool_get_features_block));
  states.head()->cmd = ETHTOOL_GFEATURES;
  states.head()->size = blocks;
  if (const int error = ask(fd, name, states.head())) return error;
  const ethtool_get_features_block* block = states.head()->features;
  for (uint32_t i = 0; i < count; ++i) {
    const auto* text = reinterpret_cast<const char*>(names.head()->data) + i * ETH_GSTRING_LEN;
    const std::string feature(text, strnlen(text, ETH_GSTRING_LEN));
    if (feature.empty()) continue;
    device->features.emplace_back(feature, (block[i / 32].active >> i % 32 & 1) != 0);
  }
  return 0;
}

void read_driver(int fd, Device* device) {
  const std::string& name = device->interface.name;
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (ask(fd, name, &driver) == 0) {
    device->driver.assign(driver.driver, strnlen(driver.driver, sizeof driver.driver));
  }
  ethtool_ts_info stamping{};
  stamping.cmd = ETHTOOL_GET_TS_INFO;
  if (ask(fd, name, &stamping) == 0) device->stamping = stamping.so_timestamping;
}

}  // namespace

Failure read_devices(std::vector<Device>* devices) {
  netlink::Request<ifinfomsg> request(RTM_GETLINK, NLM_F_DUMP);
  const int error = netlink::ask(NETLINK_ROUTE, request, [&](nlmsghdr* message) {
    Device device;
    if (parse_device(message, &device)) devices->push_back(std::move(device));
  });
  if (error != 0) return {error, "netlink(RTM_GETLINK)"};
  const int fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int refused = fd < 0 ? errno : 0;
  for (Device& device : *devices) {
    device.queues = transmit_queues(device.interface.index);
    device.features_error = fd < 0 ? refused : read_features(fd, &device);
    if (fd >= 0) read_driver(fd, &device);
  }
  if (fd >= 0) sys.close(fd);
  return {};
}

}  // namespace zerosend
