// Tests what is read of network interfaces with `lo`, which every machine has, and what remains of
// it when the kernel refuses a part.

#include "kernel/device.h"

#include <algorithm>
#include <cerrno>

#include "harness.h"
#include "seam.h"

using harness::FailNext;
using zerosend::Device;
using zerosend::read_devices;
using zerosend::Syscalls;

namespace {

std::vector<Device> devices() {
  std::vector<Device> found;
  CHECK_EQ(read_devices(&found).error, 0);
  return found;
}

// The loopback device, which is the first of every network namespace.
Device loopback(const std::vector<Device>& all) {
  const auto found =
      std::find_if(all.begin(), all.end(), [](const Device& one) { return one.loopback; });
  CHECK(found != all.end());
  return found == all.end() ? Device{} : *found;
}

bool feature(const Device& device, const char* name) {
  const auto found = std::find_if(device.features.begin(), device.features.end(),
                                  [&](const auto& one) { return one.first == name; });
  CHECK(found != device.features.end());
  return found != device.features.end() && found->second;
}

}  // namespace

TEST(device_tells_of_loopback) {
  const Device lo = loopback(devices());
  CHECK_EQ(lo.interface.index, 1u);
  CHECK_EQ(lo.interface.name, std::string("lo"));
  CHECK(lo.interface.mtu > 0);
  CHECK(lo.queues >= 1);
  CHECK_EQ(lo.features_error, 0);
  CHECK(lo.features.size() > 10);
  CHECK(feature(lo, "tx-scatter-gather"));
  CHECK(feature(lo, "loopback"));
  for (const auto& [name, on] : lo.features) CHECK(!name.empty() && name.size() < 32);
}

TEST(device_needs_netlink) {
  const FailNext fail(&Syscalls::socket, EACCES);
  std::vector<Device> found;
  CHECK_EQ(read_devices(&found).error, EACCES);
  CHECK(found.empty());
}

TEST(device_is_known_without_its_features) {
  const FailNext fail(&Syscalls::ioctl, ENOSYS);
  const std::vector<Device> all = devices();
  REQUIRE(!all.empty());
  CHECK_EQ(all[0].features_error, ENOSYS);
  CHECK(all[0].features.empty());
  CHECK(all[0].interface.mtu > 0);
  // The next device is asked all the same.
  if (all.size() > 1) CHECK(all[1].features_error != ENOSYS);
}
