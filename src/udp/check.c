/* The invariants of UDP endpoints, which debug builds and fuzzers check. */
#include "udp/udp.h"

static size_t pinned_by(const struct mn_packet_queue *queue)
{
    size_t pinned = 0;
    for (const struct mnet_packet *packet = queue->first; packet != NULL; packet = packet->next)
        pinned += mnet_packet_pinned(packet);
    return pinned;
}

static void check_endpoint(const struct mn_udp *udp, const struct mn_udp_endpoint *endpoint)
{
    MN_ASSERT(endpoint->udp == udp && endpoint->local.port != 0);
    MN_ASSERT(endpoint->remote.port == 0 || !mn_address_is_any(&endpoint->remote.address));
    MN_ASSERT(endpoint->queue.count + endpoint->lent.count <= endpoint->queue_datagrams);
    MN_ASSERT(pinned_by(&endpoint->queue) + pinned_by(&endpoint->lent) == endpoint->pinned);
    MN_ASSERT(endpoint->pinned <= endpoint->queue_bytes);
    MN_ASSERT(endpoint->error_count <= MN_UDP_ERRORS && endpoint->group_count <= MNET_UDP_GROUPS_MAX);
}

void mn_udp_check(const struct mn_udp *udp)
{
    unsigned endpoints = 0, joined = 0;
    size_t pinned = 0;
    for (unsigned i = 0; i <= udp->chain_mask; i++) {
        const struct mnet_link *chain = &udp->chains[i];
        for (struct mnet_link *node = mn_list_first(chain); node != NULL && node != chain; node = node->next) {
            const struct mn_udp_endpoint *endpoint = MN_CONTAINER(node, struct mn_udp_endpoint, chain);
            MN_ASSERT((endpoint->local.port & udp->chain_mask) == i);
            check_endpoint(udp, endpoint);
            endpoints++;
            joined += endpoint->group_count;
            pinned += endpoint->pinned;
        }
    }
    MN_ASSERT(endpoints == udp->endpoints && endpoints <= udp->endpoints_max);
    MN_ASSERT(joined == udp->joined && pinned == udp->pinned);
}
