#pragma once

namespace stress {

// Has every CPU that this thread may run on receive a packet.
//
// A datagram in fragments that is put together again on this host is freed, with its notification,
// on the CPU that made it, and not before that CPU next receives anything: the kernel only puts it
// on a list of that CPU (skb_attempt_defer_free, net.core.skb_defer_max). On a host without other
// traffic that may take minutes.
void receive_on_every_cpu();

}  // namespace stress
