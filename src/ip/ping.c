#include "ip/ping.h"

#include "base/list.h"
#include "base/packet_sum.h"
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/icmpv4.h"

_Static_assert(MN_ICMPV4_HEADER == MN_ICMPV6_HEADER, "both families have the same header");

/* The mark is random, so that nobody off the way can answer in place of the host. Data is 0, 1, 2
 * and so on. NULL if memory is used up. */
static struct mnet_packet *make_request(struct mn_ip *ip, uint8_t type, uint32_t mark, size_t len)
{
    uint8_t data[256];
    struct mnet_packet *packet = mnet_packet_alloc_tx(ip->memory);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    if (packet == NULL)
        return NULL;
    mn_icmpv6_emit(mnet_packet_put(packet, MN_ICMPV6_HEADER), &(struct mn_icmpv6){type, 0, mark}, 0);
    memset(packet->data + MN_ICMPV6_CHECKSUM_AT, 0, 2);
    for (size_t done = 0; done < len; done += sizeof data)
        if (!mnet_packet_append(packet, data, MN_MIN(len - done, sizeof data))) {
            mnet_packet_free(packet);
            return NULL;
        }
    return packet;
}

/* RFC 792: of the message; RFC 4443 2.3: with the pseudo-header. */
static void set_checksum(struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    MN_DEBUG_ASSERT(packet->len >= MN_ICMPV6_HEADER);
    uint64_t sum = datagram->protocol == MN_PROTOCOL_ICMP
                       ? 0
                       : mn_pseudo_sum(&datagram->source, &datagram->destination, datagram->protocol, packet->total);
    uint16_t checksum = mn_checksum(sum + mn_sum_fold(mn_packet_sum(packet, 0)));
    memcpy(packet->data + MN_ICMPV6_CHECKSUM_AT, &checksum, sizeof checksum);
}

MN_RARE int mn_ping_begin(struct mn_ip *ip, struct mn_ping *ping, struct mnet_address host, size_t len, uint64_t now)
{
    bool ipv4 = mn_address_is_ipv4(&host);
    struct mn_ip_path path;
    *ping = (struct mn_ping){.host = host, .answered_ns = MNET_NEVER};
    if (mn_address_is_any(&host) || mn_address_is_multicast(&host) ||
        (ipv4 && mn_ip_is_broadcast_value(ip, mn_address_to_ipv4(&host))))
        return MNET_E_INVALID;
    int error = mn_ip_path(ip, host, &path);
    if (error < 0)
        return error;
    mn_random_bytes(ip->random, &ping->mark, sizeof ping->mark);
    struct mnet_packet *packet = make_request(ip, ipv4 ? MN_ICMPV4_ECHO : MN_ICMPV6_ECHO, ping->mark, len);
    if (packet == NULL)
        return MNET_E_NO_MEMORY;
    const struct mn_datagram datagram = {
        .source = path.source,
        .destination = host,
        .protocol = ipv4 ? MN_PROTOCOL_ICMP : MN_PROTOCOL_ICMPV6,
    };
    set_checksum(packet, &datagram);
    error = mn_ip_output(ip, packet, &datagram, now);
    if (error == 0)
        mn_list_append(&ip->pings, &ping->link);
    return error;
}

MN_RARE void mn_ping_end(struct mn_ping *ping)
{
    mn_list_remove(&ping->link);
}

MN_RARE bool mn_ping_answer(struct mn_ip *ip, const struct mnet_address *host, uint32_t mark, uint64_t now)
{
    MN_DEBUG_ASSERT(host->zone == 0);
    if (mn_list_empty(&ip->pings))
        return false;
    for (struct mnet_link *link = mn_list_begin(&ip->pings); link != &ip->pings; link = link->next) {
        struct mn_ping *ping = MN_CONTAINER(link, struct mn_ping, link);
        if (ping->mark != mark || !mn_address_equal(&ping->host, host))
            continue;
        ping->answered_ns = now;
        mn_list_remove(link);
        return true;
    }
    return false;
}
