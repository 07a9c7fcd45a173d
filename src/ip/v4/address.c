/* The own IPv4 address: probing for another user of it, announcing it, defending it (RFC 5227).
 *
 * Without probing the address is used, and announced, at once. With it three probes go out after a
 * random second, one to two seconds apart; nobody may answer until two seconds after the last. (An
 * address that DHCP offers has been checked by its server; it is probed for more quickly.) While
 * the link is down no station hears a probe, so probing waits. Once the address is ours we never
 * give it up (2.4 (c), for hosts whose address others must find): a conflict is counted, logged,
 * and answered with one announcement in ten seconds.
 */
#include "base/logger.h"
#include "ip/v4/internal.h"
#include "wire/arp.h"

/* PROBE_WAIT, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT and PROBE_NUM of RFC 5227 1.1, and shorter times
 * for virtual networks, whose hosts answer within a millisecond. */
struct timing {
    uint64_t wait_ns, min_ns, max_ns, announce_wait_ns;
    uint8_t num;
};
static const struct timing timings[] = {
    [MN_IP_PROBE_FULL] = {MNET_SECOND, MNET_SECOND, 2 * MNET_SECOND, 2 * MNET_SECOND, 3},
    [MN_IP_PROBE_QUICK] = {0, 50 * MNET_MILLISECOND, 50 * MNET_MILLISECOND, 50 * MNET_MILLISECOND, 2},
};

#define ANNOUNCE_NUM 2
#define ANNOUNCE_INTERVAL_NS (2 * MNET_SECOND)
#define DEFEND_INTERVAL_NS (10 * MNET_SECOND)

/* A random time of whole microseconds. */
static uint64_t random_ns(struct mn_ip *ip, uint64_t from, uint64_t to)
{
    return from + mn_random_below(ip->random, (uint32_t)((to - from) / MNET_MICROSECOND) + 1) * MNET_MICROSECOND;
}

static bool send_probe(struct mn_ip *ip, const struct mn_own_address *own)
{
    return mn_arp_send(ip, mn_mac_broadcast, MN_ARP_REQUEST, (struct mn_mac){{0}}, 0, own->v4.address);
}

/* 2.3: a request with both addresses our own. */
static bool send_announcement(struct mn_ip *ip, const struct mn_own_address *own)
{
    return mn_arp_send(ip, mn_mac_broadcast, MN_ARP_REQUEST, (struct mn_mac){{0}}, own->v4.address, own->v4.address);
}

/* One that finds no memory is made up for by a later one. */
static void announce(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    own->announcements += send_announcement(ip, own);
    mn_wheel_arm(&ip->wheel, &own->timer, own->announcements < ANNOUNCE_NUM ? now + ANNOUNCE_INTERVAL_NS : MNET_NEVER);
}

void mn_ip_address_start(struct mn_ip *ip, struct mn_own_address *own, enum mn_ip_probe probe, uint64_t now)
{
    own->timer.kind = MN_IP_TIMER_ADDRESS;
    own->probe = (uint8_t)probe;
    ip->changes++;
    if (probe != MN_IP_PROBE_NONE) {
        own->state = MN_IP_ADDRESS_PROBING;
        mn_wheel_arm(&ip->wheel, &own->timer, now + random_ns(ip, 0, timings[probe].wait_ns));
    } else {
        own->state = MN_IP_ADDRESS_OURS;
        announce(ip, own, now);
    }
}

void mn_ip_address_expire(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_ASSERT(own->state == MN_IP_ADDRESS_PROBING || own->state == MN_IP_ADDRESS_OURS);
    const struct timing *timing = &timings[own->probe];
    if (own->state == MN_IP_ADDRESS_PROBING && ip->link_down)
        return; /* it begins again when the link comes up */
    if (own->state == MN_IP_ADDRESS_PROBING && own->probes < timing->num) {
        own->probes += send_probe(ip, own); /* without memory for one nothing was asked */
        bool last = own->probes == timing->num;
        uint64_t wait = last ? timing->announce_wait_ns : random_ns(ip, timing->min_ns, timing->max_ns);
        mn_wheel_arm(&ip->wheel, &own->timer, now + wait);
        return;
    }
    ip->changes += own->state != MN_IP_ADDRESS_OURS;
    own->state = MN_IP_ADDRESS_OURS;
    announce(ip, own, now);
}

/* RFC 5227 2.1 has an address probed for when the link comes up; one that is ours is never given
 * up, so announcing it finds a conflict as well. */
MN_RARE void mn_ip_address_note_link_up(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    if (own->state == MN_IP_ADDRESS_PROBING) {
        own->probes = 0;
        mn_wheel_arm(&ip->wheel, &own->timer, now + random_ns(ip, 0, timings[own->probe].wait_ns));
    } else if (own->state == MN_IP_ADDRESS_OURS && !own->leased) {
        own->announcements = 0;
        announce(ip, own, now);
    }
}

static void log_conflict(const struct mn_ip *ip, struct mn_own_address *own, struct mn_mac other, uint64_t now)
{
    if (!mn_log_claim(ip->log, MNET_LOG_ERROR, &own->contests, 1, now))
        return;
    char text[MNET_ADDRESS_TEXT];
    mnet_address_format(own->prefix.address, text, sizeof text);
    const uint8_t *m = other.bytes;
    mn_log(ip->log, MNET_LOG_ERROR, "arp %s: address conflict with %02x:%02x:%02x:%02x:%02x:%02x", text, m[0], m[1],
           m[2], m[3], m[4], m[5]);
}

void mn_ip_address_note_conflict(struct mn_ip *ip, struct mn_own_address *own, struct mn_mac other, uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_ARP_CONFLICT);
    if (own->state == MN_IP_ADDRESS_PROBING) {
        own->state = MN_IP_ADDRESS_CONFLICT;
        ip->changes++;
        mn_wheel_cancel(&ip->wheel, &own->timer);
        log_conflict(ip, own, other, now);
    } else if (own->state == MN_IP_ADDRESS_OURS && mn_ip_answers(ip) &&
               (!own->defended || now - own->defended_ns >= DEFEND_INTERVAL_NS)) {
        own->defended_ns = now;
        own->defended = send_announcement(ip, own);
        log_conflict(ip, own, other, now);
    }
}
