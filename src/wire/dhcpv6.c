/* DHCPv6 messages: a type, a transaction id of three bytes, and options, each with a code and a
 * length of 16 bits (RFC 8415 8, 21.1). Options of an IA and of an address lie in their option.
 */
#include "wire/dhcpv6.h"

#define XID_MASK UINT32_C(0xffffff)
#define DUID_MIN 3 /* a type, and at least one byte (11.1) */
#define MAX_RT_LEAST 60
#define MAX_RT_MOST 86400
#define REFRESH_LEAST 600 /* IRT_MINIMUM (7.6) */

#define NTP_SERVER_ADDRESS 1 /* suboptions (RFC 5908 4.1, 4.3) */
#define NTP_SERVER_NAME 3

enum dhcpv6_option_code {
    OPTION_CLIENT_ID = 1,
    OPTION_SERVER_ID = 2,
    OPTION_IA_NA = 3,
    OPTION_IA_ADDRESS = 5,
    OPTION_REQUESTED = 6,
    OPTION_PREFERENCE = 7,
    OPTION_ELAPSED_TIME = 8,
    OPTION_UNICAST = 12,
    OPTION_STATUS = 13,
    OPTION_RAPID_COMMIT = 14,
    OPTION_RECONFIGURE = 19,
    OPTION_RECONFIGURE_ACCEPT = 20,
};

enum duid_type {
    DUID_LLT = 1,
    DUID_EN = 2,
    DUID_LL = 3,
    DUID_UUID = 4,
};
#define HARDWARE_ETHERNET 1

const struct mnet_address mn_dhcpv6_servers = {.bytes = {[0] = 0xff, [1] = 0x02, [13] = 1, [15] = 2}};

/* ---- Parse: options ---- */

struct dhcpv6_option {
    uint16_t code;
    struct mn_reader body;
};

/* False at the end, and if an option goes beyond it: then the reader has failed. */
static bool next_option(struct mn_reader *options, struct dhcpv6_option *option)
{
    if (!options->ok || mn_reader_left(options) == 0)
        return false;
    option->code = mn_read_u16(options);
    uint16_t len = mn_read_u16(options);
    const uint8_t *body = mn_read(options, len);
    if (body == NULL)
        return false;
    option->body = mn_reader(body, len);
    return true;
}

/* Returns true if all of them end where they must. */
static bool options_ok(struct mn_reader options)
{
    struct dhcpv6_option option;
    while (next_option(&options, &option))
        continue;
    return options.ok;
}

static void read_duid(struct mn_reader *r, struct mn_dhcpv6_duid *duid)
{
    size_t len = mn_reader_left(r);
    if (duid->len > 0 || len < DUID_MIN || len > MN_DHCPV6_DUID)
        return;
    duid->len = (uint8_t)len;
    memcpy(duid->bytes, r->at, len);
}

/* An address that hosts can have. */
static bool is_host(const struct mnet_address *address)
{
    return !mn_ipv6_is_unspecified(address) && !mn_ipv6_is_multicast(address) && !mn_ipv6_is_loopback(address) &&
           !mn_address_is_ipv4(address);
}

/* A status in an IA or an address; its text is for people (21.13). */
static uint16_t read_status(struct mn_reader *r)
{
    uint16_t status = mn_read_u16(r);
    return r->ok ? status : MN_DHCPV6_SUCCESS;
}

/* 21.6 */
static void read_ia_address(struct mn_reader *r, struct mn_dhcpv6_ia *ia)
{
    struct mn_dhcpv6_address read = {.address = mn_read_ipv6(r)};
    struct dhcpv6_option option;
    read.preferred_s = mn_read_u32(r);
    read.valid_s = mn_read_u32(r);
    if (!r->ok || !options_ok(*r) || !is_host(&read.address) || read.preferred_s > read.valid_s)
        return;
    while (next_option(r, &option))
        if (option.code == OPTION_STATUS)
            read.status = read_status(&option.body);
    if (ia->address_count < MN_DHCPV6_ADDRESSES)
        ia->addresses[ia->address_count++] = read;
}

/* 21.4 */
static void read_ia(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    struct mn_dhcpv6_ia read = {.iaid = mn_read_u32(r)};
    struct dhcpv6_option option;
    read.t1_s = mn_read_u32(r);
    read.t2_s = mn_read_u32(r);
    bool times_ok = read.t2_s == 0 || read.t1_s <= read.t2_s;
    if (!r->ok || !times_ok || !options_ok(*r) || message->ia_count == MN_DHCPV6_IAS)
        return;
    while (next_option(r, &option)) {
        if (option.code == OPTION_IA_ADDRESS)
            read_ia_address(&option.body, &read);
        else if (option.code == OPTION_STATUS)
            read.status = read_status(&option.body);
    }
    message->ias[message->ia_count++] = read;
}

static void read_requested(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(r) % 2 != 0 || message->requested_count > 0)
        return;
    while (mn_reader_left(r) > 0 && message->requested_count < MN_DHCPV6_REQUESTED)
        message->requested[message->requested_count++] = mn_read_u16(r);
}

/* RFC 3646 3: servers in the order of preference. */
static void read_dns(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(r) % sizeof message->dns[0].bytes != 0 || message->dns_count > 0)
        return;
    while (mn_reader_left(r) > 0 && message->dns_count < MN_DHCPV6_DNS) {
        struct mnet_address server = mn_read_ipv6(r);
        if (is_host(&server))
            message->dns[message->dns_count++] = server;
    }
}

static void read_ntp_address(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(r) != sizeof message->ntp[0].bytes)
        return;
    struct mnet_address server = mn_read_ipv6(r);
    if (is_host(&server) && message->ntp_count < MN_DHCPV6_NTP)
        message->ntp[message->ntp_count++] = server;
}

/* A single name. */
static void read_ntp_name(const struct mn_reader *r, struct mn_dhcpv6 *message)
{
    struct mn_reader rest = *r;
    char text[MN_DOMAIN];
    bool one = mn_domain_next(&rest, text) && mn_reader_left(&rest) == 0;
    if (one && message->ntp_name_count < MN_DHCPV6_NTP_NAMES)
        message->ntp_names[message->ntp_name_count++] = *r;
}

/* DHCP6NTP-4-1: each option has suboptions, which have the form of options. Multicast addresses are
 * left out. */
static void read_ntp(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    struct dhcpv6_option sub;
    while (next_option(r, &sub)) {
        if (sub.code == NTP_SERVER_ADDRESS)
            read_ntp_address(&sub.body, message);
        else if (sub.code == NTP_SERVER_NAME)
            read_ntp_name(&sub.body, message);
    }
}

/* 21.24, 21.25: other values are ignored. */
static void read_max_rt(struct mn_reader *r, uint32_t *time_s)
{
    if (mn_reader_left(r) != 4 || *time_s != 0)
        return;
    uint32_t read = mn_read_u32(r);
    if (read >= MAX_RT_LEAST && read <= MAX_RT_MOST)
        *time_s = read;
}

/* 21.23 */
static void read_refresh_time(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(r) != 4 || message->refresh_s != 0)
        return;
    uint32_t read = mn_read_u32(r);
    message->refresh_s = MN_MAX(read, REFRESH_LEAST);
}

static void read_message_status(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (message->has_status || mn_reader_left(r) < 2)
        return;
    message->has_status = true;
    message->status = mn_read_u16(r);
}

static void read_elapsed(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (message->has_elapsed || mn_reader_left(r) != 2)
        return;
    message->has_elapsed = true;
    message->elapsed = mn_read_u16(r);
}

static void read_unicast(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(r) != sizeof message->unicast.bytes || !mn_ipv6_is_unspecified(&message->unicast))
        return;
    struct mnet_address server = mn_read_ipv6(r);
    if (is_host(&server))
        message->unicast = server;
}

/* Options of one byte. */
static void read_only_u8(struct mn_reader *r, uint8_t *value)
{
    if (mn_reader_left(r) == 1 && *value == 0)
        *value = mn_read_u8(r);
}

static void read_domains(struct mn_reader *r, struct mn_dhcpv6 *message)
{
    if (mn_reader_left(&message->domains) == 0 && mn_domains_ok(*r))
        message->domains = *r;
}

static void read_option(struct dhcpv6_option *option, struct mn_dhcpv6 *message)
{
    struct mn_reader *body = &option->body;
    switch (option->code) {
    case OPTION_CLIENT_ID: read_duid(body, &message->client_id); break;
    case OPTION_SERVER_ID: read_duid(body, &message->server_id); break;
    case OPTION_IA_NA: read_ia(body, message); break;
    case OPTION_REQUESTED: read_requested(body, message); break;
    case OPTION_PREFERENCE: read_only_u8(body, &message->preference); break;
    case OPTION_ELAPSED_TIME: read_elapsed(body, message); break;
    case OPTION_UNICAST: read_unicast(body, message); break;
    case OPTION_STATUS: read_message_status(body, message); break;
    case OPTION_RAPID_COMMIT: message->rapid_commit |= mn_reader_left(body) == 0; break;
    case OPTION_RECONFIGURE: read_only_u8(body, &message->reconfigure); break;
    case OPTION_RECONFIGURE_ACCEPT: message->reconfigure_accept |= mn_reader_left(body) == 0; break;
    case MN_DHCPV6_OPTION_DNS_SERVERS: read_dns(body, message); break;
    case MN_DHCPV6_OPTION_DOMAIN_LIST: read_domains(body, message); break;
    case MN_DHCPV6_OPTION_NTP_SERVER: read_ntp(body, message); break;
    case MN_DHCPV6_OPTION_REFRESH_TIME: read_refresh_time(body, message); break;
    case MN_DHCPV6_OPTION_SOL_MAX_RT: read_max_rt(body, &message->sol_max_rt_s); break;
    case MN_DHCPV6_OPTION_INF_MAX_RT: read_max_rt(body, &message->inf_max_rt_s); break;
    default: break;
    }
}

enum mn_parse mn_dhcpv6_parse(const void *data, size_t len, struct mn_dhcpv6 *message)
{
    struct mn_reader r = mn_reader(data, len);
    struct dhcpv6_option option;
    uint32_t head = mn_read_u32(&r);
    *message = (struct mn_dhcpv6){.type = (uint8_t)(head >> 24), .xid = head & XID_MASK};
    message->domains = mn_reader(data, 0);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    bool known = message->type >= MN_DHCPV6_SOLICIT && message->type <= MN_DHCPV6_INFORMATION_REQUEST;
    if (!known || !options_ok(r))
        return MN_PARSE_INVALID;
    while (next_option(&r, &option))
        read_option(&option, message);
    return MN_PARSE_OK;
}

/* ---- Emit ---- */

static void write_head(struct mn_writer *w, uint16_t code, size_t len)
{
    MN_ASSERT(len <= UINT16_MAX);
    mn_write_u16(w, code);
    mn_write_u16(w, (uint16_t)len);
}

static void write_bytes(struct mn_writer *w, uint16_t code, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    write_head(w, code, len);
    mn_write_bytes(w, bytes, len);
}

static void write_u32(struct mn_writer *w, uint16_t code, uint32_t value)
{
    if (value == 0)
        return;
    write_head(w, code, 4);
    mn_write_u32(w, value);
}

static void write_u8(struct mn_writer *w, uint16_t code, uint8_t value)
{
    if (value == 0)
        return;
    write_head(w, code, 1);
    mn_write_u8(w, value);
}

static void write_flag(struct mn_writer *w, uint16_t code, bool set)
{
    if (set)
        write_head(w, code, 0);
}

static void write_status(struct mn_writer *w, uint16_t status)
{
    write_head(w, OPTION_STATUS, 2);
    mn_write_u16(w, status);
}

#define STATUS_LEN 6 /* of the option, without a text */
#define IA_ADDRESS_LEN 24
#define IA_LEN 12

static size_t ia_address_len(const struct mn_dhcpv6_address *address)
{
    return IA_ADDRESS_LEN + (address->status == MN_DHCPV6_SUCCESS ? 0 : STATUS_LEN);
}

static void write_ia(struct mn_writer *w, const struct mn_dhcpv6_ia *ia)
{
    size_t len = IA_LEN + (ia->status == MN_DHCPV6_SUCCESS ? 0 : STATUS_LEN);
    for (unsigned i = 0; i < ia->address_count; i++)
        len += 4 + ia_address_len(&ia->addresses[i]);
    write_head(w, OPTION_IA_NA, len);
    mn_write_u32(w, ia->iaid);
    mn_write_u32(w, ia->t1_s);
    mn_write_u32(w, ia->t2_s);
    for (unsigned i = 0; i < ia->address_count; i++) {
        const struct mn_dhcpv6_address *address = &ia->addresses[i];
        write_head(w, OPTION_IA_ADDRESS, ia_address_len(address));
        mn_write_ipv6(w, &address->address);
        mn_write_u32(w, address->preferred_s);
        mn_write_u32(w, address->valid_s);
        if (address->status != MN_DHCPV6_SUCCESS)
            write_status(w, address->status);
    }
    if (ia->status != MN_DHCPV6_SUCCESS)
        write_status(w, ia->status);
}

static void write_lists(struct mn_writer *w, const struct mn_dhcpv6 *message)
{
    if (message->requested_count > 0)
        write_head(w, OPTION_REQUESTED, message->requested_count * sizeof message->requested[0]);
    for (unsigned i = 0; i < message->requested_count; i++)
        mn_write_u16(w, message->requested[i]);
    if (message->dns_count > 0)
        write_head(w, MN_DHCPV6_OPTION_DNS_SERVERS, message->dns_count * sizeof message->dns[0].bytes);
    for (unsigned i = 0; i < message->dns_count; i++)
        mn_write_ipv6(w, &message->dns[i]);
    for (unsigned i = 0; i < message->ntp_count; i++) {
        write_head(w, MN_DHCPV6_OPTION_NTP_SERVER, 4 + sizeof message->ntp[i].bytes);
        write_head(w, NTP_SERVER_ADDRESS, sizeof message->ntp[i].bytes);
        mn_write_ipv6(w, &message->ntp[i]);
    }
    for (unsigned i = 0; i < message->ntp_name_count; i++) {
        const struct mn_reader *name = &message->ntp_names[i];
        write_head(w, MN_DHCPV6_OPTION_NTP_SERVER, 4 + mn_reader_left(name));
        write_bytes(w, NTP_SERVER_NAME, name->at, mn_reader_left(name));
    }
    write_bytes(w, MN_DHCPV6_OPTION_DOMAIN_LIST, message->domains.at, mn_reader_left(&message->domains));
}

void mn_dhcpv6_write(struct mn_writer *w, const struct mn_dhcpv6 *message)
{
    MN_ASSERT(message->xid <= XID_MASK);
    mn_write_u32(w, (uint32_t)message->type << 24 | message->xid);
    write_bytes(w, OPTION_CLIENT_ID, message->client_id.bytes, message->client_id.len);
    write_bytes(w, OPTION_SERVER_ID, message->server_id.bytes, message->server_id.len);
    for (unsigned i = 0; i < message->ia_count; i++)
        write_ia(w, &message->ias[i]);
    if (message->has_elapsed) {
        write_head(w, OPTION_ELAPSED_TIME, 2);
        mn_write_u16(w, message->elapsed);
    }
    if (message->has_status)
        write_status(w, message->status);
    write_u8(w, OPTION_PREFERENCE, message->preference);
    write_u8(w, OPTION_RECONFIGURE, message->reconfigure);
    write_flag(w, OPTION_RAPID_COMMIT, message->rapid_commit);
    write_flag(w, OPTION_RECONFIGURE_ACCEPT, message->reconfigure_accept);
    if (!mn_ipv6_is_unspecified(&message->unicast))
        write_bytes(w, OPTION_UNICAST, message->unicast.bytes, sizeof message->unicast.bytes);
    write_u32(w, MN_DHCPV6_OPTION_SOL_MAX_RT, message->sol_max_rt_s);
    write_u32(w, MN_DHCPV6_OPTION_INF_MAX_RT, message->inf_max_rt_s);
    write_u32(w, MN_DHCPV6_OPTION_REFRESH_TIME, message->refresh_s);
    write_lists(w, message);
}

/* ---- DUIDs ---- */

bool mn_dhcpv6_duid_equal(const struct mn_dhcpv6_duid *a, const struct mn_dhcpv6_duid *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static struct mn_writer begin_duid(struct mn_dhcpv6_duid *duid, enum duid_type type)
{
    struct mn_writer w = mn_writer(duid->bytes, sizeof duid->bytes);
    mn_write_u16(&w, (uint16_t)type);
    return w;
}

static void end_duid(struct mn_dhcpv6_duid *duid, const struct mn_writer *w)
{
    MN_ASSERT(w->ok);
    duid->len = (uint8_t)(sizeof duid->bytes - w->left);
}

struct mn_dhcpv6_duid mn_dhcpv6_duid_llt(struct mn_mac mac, uint32_t time_s)
{
    struct mn_dhcpv6_duid duid = {0};
    struct mn_writer w = begin_duid(&duid, DUID_LLT);
    mn_write_u16(&w, HARDWARE_ETHERNET);
    mn_write_u32(&w, time_s);
    mn_write_bytes(&w, mac.bytes, sizeof mac.bytes);
    end_duid(&duid, &w);
    return duid;
}

struct mn_dhcpv6_duid mn_dhcpv6_duid_ll(struct mn_mac mac)
{
    struct mn_dhcpv6_duid duid = {0};
    struct mn_writer w = begin_duid(&duid, DUID_LL);
    mn_write_u16(&w, HARDWARE_ETHERNET);
    mn_write_bytes(&w, mac.bytes, sizeof mac.bytes);
    end_duid(&duid, &w);
    return duid;
}

struct mn_dhcpv6_duid mn_dhcpv6_duid_en(uint32_t enterprise, const void *identifier, uint8_t len)
{
    struct mn_dhcpv6_duid duid = {0};
    struct mn_writer w = begin_duid(&duid, DUID_EN);
    mn_write_u32(&w, enterprise);
    mn_write_bytes(&w, identifier, len);
    end_duid(&duid, &w);
    return duid;
}

struct mn_dhcpv6_duid mn_dhcpv6_duid_uuid(const uint8_t uuid[16])
{
    struct mn_dhcpv6_duid duid = {0};
    struct mn_writer w = begin_duid(&duid, DUID_UUID);
    mn_write_bytes(&w, uuid, 16);
    end_duid(&duid, &w);
    return duid;
}
