/* Membership of multicast groups, as MLD and IGMP tell it: the meanings that both have in common,
 * and the parts of messages that differ in the length of addresses alone. The messages are in mld.h
 * and igmp.h. */
#ifndef MN_GROUP_WIRE_H
#define MN_GROUP_WIRE_H

#include "base/cursor.h"
#include "wire/wire.h"

/* Types of the records of a report (RFC 3810 5.2.5, RFC 3376 4.2.5). */
enum mn_group_record_type {
    MN_GROUP_IS_INCLUDE = 1,
    MN_GROUP_IS_EXCLUDE = 2,
    MN_GROUP_TO_INCLUDE = 3,
    MN_GROUP_TO_EXCLUDE = 4,
    MN_GROUP_ALLOW_SOURCES = 5,
    MN_GROUP_BLOCK_SOURCES = 6,
};

/* A query: about all groups, about one, or about one and some of its sources. */
struct mn_group_query {
    uint8_t version; /* of the querier: MLD has 1 and 2, IGMP has 1, 2 and 3 */
    uint32_t max_response_ms;
    struct mnet_address group; /* unspecified: all groups */
    /* Of the newest version: */
    bool suppress;       /* routers are not to change their timers */
    uint8_t robustness;  /* 0: the querier does not say */
    uint32_t interval_s; /* between general queries; 0: the querier does not say */
    uint16_t source_count;
    struct mn_reader sources; /* received: for mn_group_next_source */
};

/* A record of a report. An unknown type is read as any other. */
struct mn_group_record {
    uint8_t type; /* enum mn_group_record_type */
    struct mnet_address group;
    uint16_t source_count;
    struct mn_reader sources;
};

/* The value of a code of seven bits and more: up to `bits` bits linear, beyond with three bits of
 * exponent and a mantissa of the others (RFC 3810 5.1.3 and 5.1.9, RFC 3376 4.1.1). */
static inline uint32_t mn_group_decode(uint16_t code, unsigned bits)
{
    unsigned mantissa_bits = bits - 3;
    if (code < 1u << bits)
        return code;
    uint32_t mantissa = code & ((1u << mantissa_bits) - 1), exponent = code >> mantissa_bits & 7;
    return (mantissa | 1u << mantissa_bits) << (exponent + 3);
}

/* The code of the largest value that is not above `value`. */
static inline uint16_t mn_group_encode(uint32_t value, unsigned bits)
{
    unsigned mantissa_bits = bits - 3, exponent = 0;
    if (value < 1u << bits)
        return (uint16_t)value;
    value >>= 3;
    while (value >= 2u << mantissa_bits && exponent < 7) {
        value >>= 1;
        exponent++;
    }
    uint32_t mantissa = value >= 2u << mantissa_bits ? UINT32_MAX : value;
    return (uint16_t)(1u << bits | exponent << mantissa_bits | (mantissa & ((1u << mantissa_bits) - 1)));
}

/* ---- Parts of messages ----
 *
 * An address takes `source_len` bytes: MN_MLD_SOURCE or MN_IGMP_SOURCE. */

/* Reads the end of a query of the newest version (RFC 3810 5.1.7, RFC 3376 4.1.5), and its sources;
 * writes the same. */
void mn_group_read_details(struct mn_reader *r, size_t source_len, struct mn_group_query *query);
void mn_group_write_details(struct mn_writer *w, const struct mn_group_query *query,
                            const struct mnet_address *sources);

/* Takes `count` records out of a report into *records, for mn_group_next_record. Returns false if
 * one is missing. */
bool mn_group_take_records(struct mn_reader *r, size_t source_len, uint16_t count, struct mn_reader *records);
/* The next record of a report that has parsed. False at the end. */
bool mn_group_next_record(struct mn_reader *records, size_t source_len, struct mn_group_record *record);
/* The next source of a query or a record. False at the end. */
bool mn_group_next_source(struct mn_reader *sources, size_t source_len, struct mnet_address *source);
/* Writes a record of a report. */
void mn_group_write_record(struct mn_writer *w, enum mn_group_record_type type, const struct mnet_address *group,
                           const struct mnet_address *sources, uint16_t source_count);

#endif
