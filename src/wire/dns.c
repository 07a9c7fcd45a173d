#include "wire/dns.h"

#include <string.h>

#define CLASS_IN 1
#define FLAG_RESPONSE 0x8000
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION_DESIRED 0x0100
#define FLAG_RECURSION_AVAILABLE 0x0080
#define OPCODE(flags) ((flags) >> 11 & 15)
#define RCODE(flags) ((flags)&15)

/* Reads the name at *at, and moves *at behind it. A pointer must lead to a place before that of the
 * labels that it follows (4.1.4), so a name ends after as many steps as the message has bytes. */
static bool read_name(const struct mn_dns_message *message, size_t *at, size_t end, struct mn_dns_name *name)
{
    size_t place = *at, begin = place;
    bool moved = false;
    name->len = 0;
    for (;;) {
        if (place >= end)
            return false;
        uint8_t first = message->bytes[place];
        if (first > MN_DNS_LABEL) {
            if (first < 0xc0 || end - place < 2)
                return false; /* label types 01 and 10 were never defined */
            size_t target = (first & 63u) << 8 | message->bytes[place + 1];
            if (target >= begin || target < MN_DNS_HEADER)
                return false;
            if (!moved)
                *at = place + 2;
            moved = true;
            place = begin = target;
            end = message->len;
            continue;
        }
        if (end - place < 1u + first || name->len + 1u + first > MN_DNS_NAME)
            return false;
        memcpy(name->bytes + name->len, message->bytes + place, 1u + first);
        name->len += 1u + first;
        place += 1u + first;
        if (first == 0)
            break;
    }
    if (!moved)
        *at = place;
    return true;
}

void mn_dns_write_query(struct mn_writer *w, const struct mn_dns_query *query)
{
    mn_write_u16(w, query->id);
    mn_write_u16(w, FLAG_RECURSION_DESIRED);
    mn_write_u16(w, 1);
    mn_write_u32(w, 0);
    mn_write_u16(w, query->udp_max != 0);
    mn_write_bytes(w, query->name->bytes, query->name->len);
    mn_write_u16(w, query->type);
    mn_write_u16(w, CLASS_IN);
    if (query->udp_max == 0)
        return;
    mn_write_u8(w, 0); /* RFC 6891 6.1.2: the root */
    mn_write_u16(w, MN_DNS_OPT);
    mn_write_u16(w, query->udp_max);
    mn_write_u32(w, 0); /* RCODE, version and flags */
    mn_write_u16(w, 0);
}

static uint16_t u16_at(const struct mn_dns_message *message, size_t at)
{
    return (uint16_t)(message->bytes[at] << 8 | message->bytes[at + 1]);
}

static uint32_t u32_at(const struct mn_dns_message *message, size_t at)
{
    return (uint32_t)u16_at(message, at) << 16 | u16_at(message, at + 2);
}

/* 4.1.2 */
static bool read_question(struct mn_dns_message *message, size_t *at)
{
    if (!read_name(message, at, message->len, &message->name) || message->len - *at < 4)
        return false;
    message->type = u16_at(message, *at);
    uint16_t class = u16_at(message, *at + 2);
    *at += 4;
    return class == CLASS_IN;
}

/* The fixed part behind a record's name (4.1.3). */
struct fixed {
    uint16_t type, class;
    uint32_t ttl;
};

static bool read_record(const struct mn_dns_message *message, size_t *at, struct mn_dns_record *record,
                        struct fixed *fixed)
{
    if (!read_name(message, at, message->len, &record->name) || message->len - *at < 10)
        return false;
    *fixed = (struct fixed){u16_at(message, *at), u16_at(message, *at + 2), u32_at(message, *at + 4)};
    record->data_len = u16_at(message, *at + 8);
    record->data_at = *at + 10;
    record->type = fixed->type;
    record->ttl_s = fixed->ttl >> 31 ? 0 : fixed->ttl;
    if (message->len - record->data_at < record->data_len)
        return false;
    *at = record->data_at + record->data_len;
    return true;
}

/* Returns true if all records are whole. Takes note of the OPT record (RFC 6891 6.1.1: at most one,
 * of the root, among the additional ones). */
static bool check_records(struct mn_dns_message *message)
{
    size_t at = message->records_at;
    struct mn_dns_record record;
    struct fixed fixed;
    for (int section = 0; section < MN_DNS_SECTIONS; section++) {
        for (unsigned i = 0; i < message->counts[section]; i++) {
            if (!read_record(message, &at, &record, &fixed))
                return false;
            if (fixed.type != MN_DNS_OPT)
                continue;
            if (message->edns || section != MN_DNS_ADDITIONAL || record.name.len != 1)
                return false;
            message->edns = true;
            message->rcode |= (uint16_t)(fixed.ttl >> 24 << 4);
        }
    }
    return true;
}

enum mn_parse mn_dns_parse(const void *data, size_t len, struct mn_dns_message *message)
{
    if (len < MN_DNS_HEADER)
        return MN_PARSE_TRUNCATED;
    *message = (struct mn_dns_message){.bytes = data, .len = len};
    uint16_t flags = u16_at(message, 2), questions = u16_at(message, 4);
    message->id = u16_at(message, 0);
    message->rcode = RCODE(flags);
    message->truncated = flags & FLAG_TRUNCATED;
    message->recursion_available = flags & FLAG_RECURSION_AVAILABLE;
    for (int section = 0; section < MN_DNS_SECTIONS; section++)
        message->counts[section] = u16_at(message, 6 + 2 * (size_t)section);
    if (!(flags & FLAG_RESPONSE) || OPCODE(flags) != 0)
        return MN_PARSE_INVALID;
    size_t at = MN_DNS_HEADER;
    bool lacks = questions == 0 && (message->rcode == MN_DNS_FORMERR || message->rcode == MN_DNS_NOTIMP);
    if (!lacks && (questions != 1 || !read_question(message, &at)))
        return MN_PARSE_INVALID;
    message->records_at = at;
    return message->truncated || check_records(message) ? MN_PARSE_OK : MN_PARSE_INVALID;
}

struct mn_dns_cursor mn_dns_records(const struct mn_dns_message *message)
{
    MN_ASSERT(!message->truncated);
    struct mn_dns_cursor cursor = {.at = message->records_at};
    memcpy(cursor.left, message->counts, sizeof cursor.left);
    return cursor;
}

bool mn_dns_next(const struct mn_dns_message *message, struct mn_dns_cursor *cursor, struct mn_dns_record *record)
{
    struct fixed fixed;
    for (; cursor->section < MN_DNS_SECTIONS; cursor->section++) {
        while (cursor->left[cursor->section] > 0) {
            cursor->left[cursor->section]--;
            bool whole = read_record(message, &cursor->at, record, &fixed);
            MN_ASSERT(whole); /* mn_dns_parse has looked */
            record->section = cursor->section;
            if (fixed.class == CLASS_IN && fixed.type != MN_DNS_OPT)
                return true;
        }
    }
    return false;
}

bool mn_dns_read_address(const struct mn_dns_message *message, const struct mn_dns_record *record,
                         struct mnet_address *address)
{
    const uint8_t *data = message->bytes + record->data_at;
    if (record->type == MN_DNS_A && record->data_len == 4) {
        *address = mnet_ipv4(data[0], data[1], data[2], data[3]);
        return true;
    }
    if (record->type != MN_DNS_AAAA || record->data_len != 16)
        return false;
    struct mnet_address ipv6 = MNET_ADDRESS_ANY;
    memcpy(ipv6.bytes, data, sizeof ipv6.bytes);
    if (mn_address_is_ipv4(&ipv6))
        return false; /* a mapped address is none of IPv6 on the wire */
    *address = ipv6;
    return true;
}

bool mn_dns_read_name(const struct mn_dns_message *message, const struct mn_dns_record *record,
                      struct mn_dns_name *name)
{
    size_t at = record->data_at, end = at + record->data_len;
    return read_name(message, &at, end, name) && at == end;
}

bool mn_dns_read_soa(const struct mn_dns_message *message, const struct mn_dns_record *record, uint32_t *minimum_s)
{
    struct mn_dns_name name;
    size_t at = record->data_at, end = at + record->data_len;
    if (!read_name(message, &at, end, &name) || !read_name(message, &at, end, &name) || end - at != 20)
        return false;
    *minimum_s = u32_at(message, at + 16);
    return true;
}

bool mn_dns_write_data(struct mn_writer *w, const struct mn_dns_message *message, const struct mn_dns_record *record)
{
    size_t at = record->data_at, end = at + record->data_len, fixed;
    switch (record->type) {
    case MN_DNS_CNAME:
    case MN_DNS_PTR:
    case MN_DNS_NS: fixed = 0; break;
    case MN_DNS_SRV: fixed = 6; break; /* priority, weight, port; then the target */
    default: mn_write_bytes(w, message->bytes + at, record->data_len); return w->ok;
    }
    struct mn_dns_name name;
    if (record->data_len < fixed)
        return false;
    mn_write_bytes(w, message->bytes + at, fixed);
    at += fixed;
    if (!read_name(message, &at, end, &name) || at != end)
        return false;
    mn_write_bytes(w, name.bytes, name.len);
    return w->ok;
}
