/* A host of both families and its multicast groups: its reports, and the queries that it gets (see
 * ip_host.h).
 *
 *     struct ip_host h;
 *     begin(&h);
 *     join(&h, ipv4, 1);
 *     listen(&h, 2000);
 *     expect_record(0, MN_GROUP_TO_EXCLUDE, group_of(ipv4, 1));
 *     ip_host_down(&h);
 */
#ifndef TESTS_SUPPORT_GROUP_HOST_H
#define TESTS_SUPPORT_GROUP_HOST_H

#include "tests/support/ip6_host.h"

#include "wire/igmp.h"
#include "wire/mld.h"

#define RECORDS_MAX 64
#define MESSAGES_MAX 400

/* One message about groups that the host has sent. */
struct said {
    uint64_t ms; /* since the last `listen` began */
    bool ipv4, leave;
    uint8_t version, hop_limit;
    struct mnet_address source, destination;
    unsigned count; /* records; 1 of an older version */
    struct said_record {
        uint8_t type; /* 0 of an older version */
        struct mnet_address group;
        unsigned source_count;
        struct mnet_address sources[MN_GROUP_SOURCES_MAX];
    } records[RECORDS_MAX];
};
/* What was said while `listen` ran. */
extern struct said said[MESSAGES_MAX];
extern unsigned said_count;
extern unsigned probes_before; /* duplicate address detection seen before the first message */

/* Lets time pass, and keeps the reports meanwhile in `said`. */
void listen(struct ip_host *h, unsigned ms);
/* Returns the record about `group` in a message, or NULL. */
const struct said_record *record_of(const struct said *s, struct mnet_address group);
/* Expects that message `index` has one record only. */
void expect_record(unsigned index, uint8_t type, struct mnet_address group);

/* Group and source number `number` of a family, the group that has all its nodes, and the version
 * that its hosts speak without older queriers. */
struct mnet_address group_of(bool ipv4, unsigned number);
struct mnet_address source_of(bool ipv4, unsigned number);
struct mnet_address all_nodes(bool ipv4);
uint8_t newest(bool ipv4);

/* The Router Alert option of IPv4. */
extern const uint8_t alert_option[4];

/* Receives a query. */
struct query_line {
    uint8_t version;
    unsigned group; /* 0: general */
    uint32_t max_ms;
    uint8_t robustness;
    uint32_t interval_s;
    unsigned first_source;
    uint16_t source_count;
    struct mnet_address to; /* default: all nodes, or the group */
    uint8_t hop_limit;      /* default: 1 */
    bool no_alert, far, wrong_checksum;
};

void receive_query_line(struct ip_host *h, bool ipv4, struct query_line line);
#define receive_query(h, ipv4, ...) receive_query_line(h, ipv4, (struct query_line){.max_ms = 1000, __VA_ARGS__})
/* Another host reports a group in an older version. */
void receive_report(struct ip_host *h, bool ipv4, struct mnet_address group);

/* Starts a host of both families, and drops its first reports. */
void begin(struct ip_host *h);
/* The same, with groups 1 to `count`, whose reports are over. */
void begin_with(struct ip_host *h, bool ipv4, unsigned count);
void join(struct ip_host *h, bool ipv4, unsigned number);
void leave(struct ip_host *h, bool ipv4, unsigned number);

/* Runs a block with `ipv4` true, and false. */
#define FOR_BOTH_FAMILIES \
    for (int family_ = 0; family_ < 2; family_++) \
        for (bool ipv4 = family_ == 0, again_ = true; again_; again_ = false)

#endif
