/* DNS messages (RFC 1035 4) with EDNS(0) (RFC 6891), as a stub resolver sends and receives them:
 * one question of class IN, and records. */
#ifndef MN_DNS_WIRE_H
#define MN_DNS_WIRE_H

#include "base/cursor.h"
#include "wire/dns_name.h"
#include "wire/wire.h"

#define MN_DNS_PORT 53
#define MN_DNS_HEADER 12
/* The largest answer that is asked for by UDP: no link cuts it into fragments (RFC 6891 6.2.3). */
#define MN_DNS_UDP_MAX 1232
#define MN_DNS_PLAIN_MAX 512 /* without EDNS (RFC 1035 2.3.4) */
#define MN_DNS_QUERY_MAX (MN_DNS_HEADER + MN_DNS_NAME + 4 + 11)

enum mn_dns_type {
    MN_DNS_A = 1,
    MN_DNS_NS = 2,
    MN_DNS_CNAME = 5,
    MN_DNS_SOA = 6,
    MN_DNS_PTR = 12,
    MN_DNS_TXT = 16,
    MN_DNS_AAAA = 28, /* RFC 3596 */
    MN_DNS_SRV = 33,  /* RFC 2782 */
    MN_DNS_OPT = 41,  /* RFC 6891; never an answer */
};

enum mn_dns_rcode {
    MN_DNS_NOERROR = 0,
    MN_DNS_FORMERR = 1,
    MN_DNS_SERVFAIL = 2,
    MN_DNS_NXDOMAIN = 3,
    MN_DNS_NOTIMP = 4,
    MN_DNS_REFUSED = 5,
    MN_DNS_BADVERS = 16,
};

enum mn_dns_section {
    MN_DNS_ANSWER,
    MN_DNS_AUTHORITY,
    MN_DNS_ADDITIONAL,
    MN_DNS_SECTIONS
};

struct mn_dns_query {
    uint16_t id;
    uint16_t type;
    uint16_t udp_max; /* of the answer, by EDNS; 0: no EDNS */
    const struct mn_dns_name *name;
};

/* An answer. It points into the caller's bytes. */
struct mn_dns_message {
    const uint8_t *bytes;
    size_t len;
    uint16_t id;
    uint16_t rcode; /* all 12 bits with EDNS (RFC 6891 6.1.3) */
    bool truncated, recursion_available;
    bool edns;     /* there is an OPT record */
    uint16_t type; /* of the question */
    uint16_t counts[MN_DNS_SECTIONS];
    size_t records_at;       /* offset of the first record */
    struct mn_dns_name name; /* of the question. Its length is 0 if there is none */
};

/* A record of class IN. */
struct mn_dns_record {
    struct mn_dns_name name;
    enum mn_dns_section section;
    uint16_t type;
    uint32_t ttl_s; /* with its highest bit set, 0 (RFC 2181 8) */
    size_t data_at; /* offset in the message */
    uint16_t data_len;
};

/* A place between the records of a message. */
struct mn_dns_cursor {
    size_t at;
    uint16_t left[MN_DNS_SECTIONS];
    enum mn_dns_section section;
};

/* Writes a question with recursion desired; at most MN_DNS_QUERY_MAX bytes. */
void mn_dns_write_query(struct mn_writer *w, const struct mn_dns_query *query);

/* Parses an answer. INVALID for a query, another opcode, other than one question of class IN, a
 * record that is cut short or has a wrong name, and two OPT records (RFC 6891 6.1.1). If an answer
 * says that it is truncated, its records are not looked at. FORMERR and NOTIMP may lack the
 * question. TRUNCATED below MN_DNS_HEADER bytes. */
enum mn_parse mn_dns_parse(const void *data, size_t len, struct mn_dns_message *message);

/* Begins before the first record of a message that has parsed and is not truncated. */
struct mn_dns_cursor mn_dns_records(const struct mn_dns_message *message);
/* Reads the next record of class IN; OPT records are passed over. False at the end. */
bool mn_dns_next(const struct mn_dns_message *message, struct mn_dns_cursor *cursor, struct mn_dns_record *record);

/* Read the data of a record; false if the data do not have the form of the type. */
bool mn_dns_read_address(const struct mn_dns_message *message, const struct mn_dns_record *record,
                         struct mnet_address *address); /* A; AAAA, but no IPv4-mapped address */
bool mn_dns_read_name(const struct mn_dns_message *message, const struct mn_dns_record *record,
                      struct mn_dns_name *name); /* CNAME, PTR, NS */
bool mn_dns_read_soa(const struct mn_dns_message *message, const struct mn_dns_record *record, uint32_t *minimum_s);
/* Writes the data with all names uncompressed: those of CNAME, PTR, NS and SRV; all else as it
 * is. */
bool mn_dns_write_data(struct mn_writer *w, const struct mn_dns_message *message, const struct mn_dns_record *record);

#endif
