/* DHCP messages, in the order of the diagram of RFC 2131 section 2:
 *
 *   op htype hlen hops | xid | secs flags | ciaddr | yiaddr | siaddr | giaddr
 *   chaddr 16 | sname 64 | file 128 | options
 *
 * Reading the options takes two steps. First every field is walked once, to see that each option
 * ends within its field, and that the options field may be trusted to say which other fields hold
 * options. Then each known option is gathered from all its pieces into one stretch of bytes, which
 * its own small parser reads.
 */
#include "wire/dhcp.h"

#include "base/cursor.h"
#include "wire/domain.h"

#define HARDWARE_ETHERNET 1 /* RFC 1700; with it addresses of six bytes */
#define FLAG_BROADCAST 0x8000
#define CHADDR 16
#define SNAME 64
#define FILE 128
#define COOKIE UINT32_C(0x63825363) /* RFC 2131 section 3 */
#define JOINED_MAX 512              /* bytes of an option in all pieces; a longer one is absent */
#define MTU_MIN 68                  /* RFC 2132 5.1 */

enum dhcp_option {
    OPTION_PAD = 0,
    OPTION_SUBNET_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_DOMAIN_NAME = 15,
    OPTION_MTU = 26,
    OPTION_NTP = 42,
    OPTION_REQUESTED_IP = 50,
    OPTION_LEASE_TIME = 51,
    OPTION_OVERLOAD = 52,
    OPTION_MESSAGE_TYPE = 53,
    OPTION_SERVER_ID = 54,
    OPTION_PARAMETERS = 55,
    OPTION_MESSAGE_MAX = 57,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_CLIENT_ID = 61,
    OPTION_CLASSLESS_ROUTES = 121,
    OPTION_END = 255,
};

/* RFC 2132 9.3 */
enum overload {
    OVERLOAD_FILE = 1,
    OVERLOAD_SNAME = 2,
};

/* The fields with options, in the order in which pieces are joined (RFC 3396 section 5). */
struct dhcp_fields {
    struct mn_reader field[3];
    unsigned count;
};

/* ---- parse: the fields ---- */

struct option_piece {
    uint8_t code;
    uint8_t len;
    const uint8_t *bytes;
};

/* The next option of a field; false at its end, which need not be marked, and if an option goes
 * beyond it: then the reader has failed. */
static bool next_piece(struct mn_reader *r, struct option_piece *piece)
{
    do {
        if (mn_reader_left(r) == 0)
            return false;
        piece->code = mn_read_u8(r);
    } while (piece->code == OPTION_PAD);
    if (piece->code == OPTION_END)
        return false;
    piece->len = mn_read_u8(r);
    piece->bytes = mn_read(r, piece->len);
    return piece->bytes != NULL;
}

/* Returns true if every option ends inside the field; notes an overload. */
static bool walk(struct mn_reader field, uint8_t *overload)
{
    struct option_piece piece;
    while (next_piece(&field, &piece))
        if (piece.code == OPTION_OVERLOAD && piece.len == 1)
            *overload = piece.bytes[0];
    return field.ok;
}

static bool find_fields(struct dhcp_fields *fields, struct mn_reader options, struct mn_reader file,
                        struct mn_reader sname)
{
    uint8_t overload = 0, ignored;
    *fields = (struct dhcp_fields){.field = {options}, .count = 1};
    if (!walk(options, &overload))
        return false;
    if (overload & OVERLOAD_FILE)
        fields->field[fields->count++] = file;
    if (overload & OVERLOAD_SNAME)
        fields->field[fields->count++] = sname;
    for (unsigned i = 1; i < fields->count; i++)
        if (!walk(fields->field[i], &ignored))
            return false;
    return true;
}

/* Joins the pieces of an option (RFC 3396); an empty reader if there is none, or too much of it. */
static struct mn_reader gather(const struct dhcp_fields *fields, uint8_t code, uint8_t *joined)
{
    size_t len = 0;
    for (unsigned i = 0; i < fields->count; i++) {
        struct mn_reader field = fields->field[i];
        struct option_piece piece;
        while (next_piece(&field, &piece)) {
            if (piece.code != code)
                continue;
            if (piece.len > JOINED_MAX - len)
                return mn_reader(joined, 0);
            memcpy(joined + len, piece.bytes, piece.len);
            len += piece.len;
        }
    }
    return mn_reader(joined, len);
}

/* ---- parse: options, each behind its code and length ---- */

static uint8_t read_only_u8(struct mn_reader *r)
{
    return mn_reader_left(r) == 1 ? mn_read_u8(r) : 0;
}

static uint16_t read_only_u16(struct mn_reader *r)
{
    return mn_reader_left(r) == 2 ? mn_read_u16(r) : 0;
}

static uint32_t read_only_u32(struct mn_reader *r)
{
    return mn_reader_left(r) == 4 ? mn_read_u32(r) : 0;
}

/* Up to `max` addresses; returns how many. */
static uint8_t read_addresses(struct mn_reader *r, uint32_t *addresses, unsigned max)
{
    unsigned count = 0;
    if (mn_reader_left(r) % 4 != 0)
        return 0;
    while (count < max && mn_reader_left(r) > 0)
        addresses[count++] = mn_read_u32(r);
    return (uint8_t)count;
}

/* RFC 3442: the prefix's length, as many of its bytes as are not zero by that, and the router. */
static uint8_t read_routes(struct mn_reader *r, struct mn_dhcp_route *routes)
{
    unsigned count = 0;
    while (mn_reader_left(r) > 0) {
        struct mn_dhcp_route route = {.length = mn_read_u8(r)};
        if (route.length > 32)
            return 0;
        for (unsigned i = 0; i < (route.length + 7u) / 8; i++)
            route.network |= (uint32_t)mn_read_u8(r) << (24 - 8 * i);
        route.gateway = mn_read_u32(r);
        if (!r->ok)
            return 0;
        if (count < MN_DHCP_ROUTES)
            routes[count++] = route;
    }
    return (uint8_t)count;
}

/* A text that is safe in a log or a file; some servers count a terminating zero. */
static void read_domain(struct mn_reader *r, char *domain)
{
    size_t len = mn_reader_left(r);
    const char *text = (const char *)mn_read(r, len);
    while (len > 0 && text[len - 1] == '\0')
        len--;
    if (len >= MN_DHCP_DOMAIN)
        return;
    for (size_t i = 0; i < len; i++) {
        if (!mn_domain_is_plain(text[i]) && text[i] != '.')
            return;
    }
    memcpy(domain, text, len);
}

/* RFC 2132 9.14: at least a type and one byte. */
static void read_client_id(struct mn_reader *r, struct mn_dhcp *message)
{
    size_t len = mn_reader_left(r);
    if (len < 2 || len > UINT8_MAX)
        return;
    size_t kept = MN_MIN(len, MN_DHCP_CLIENT_ID);
    memcpy(message->client_id, mn_read(r, kept), kept);
    message->client_id_len = (uint8_t)len;
}

static void read_option(uint8_t code, struct mn_reader *r, struct mn_dhcp *message)
{
    switch ((enum dhcp_option)code) {
    case OPTION_SUBNET_MASK: message->subnet_mask = read_only_u32(r); break;
    case OPTION_ROUTER: message->router_count = read_addresses(r, message->routers, MN_DHCP_ROUTERS); break;
    case OPTION_DNS: message->dns_count = read_addresses(r, message->dns, MN_DHCP_DNS); break;
    case OPTION_NTP: message->ntp_count = read_addresses(r, message->ntp, MN_DHCP_NTP); break;
    case OPTION_DOMAIN_NAME: read_domain(r, message->domain); break;
    case OPTION_MTU: message->mtu = read_only_u16(r); break;
    case OPTION_REQUESTED_IP: message->requested_ip = read_only_u32(r); break;
    case OPTION_LEASE_TIME: message->lease_s = read_only_u32(r); break;
    case OPTION_MESSAGE_TYPE: message->type = read_only_u8(r); break;
    case OPTION_SERVER_ID: message->server_id = read_only_u32(r); break;
    case OPTION_MESSAGE_MAX: message->message_max = read_only_u16(r); break;
    case OPTION_T1: message->t1_s = read_only_u32(r); break;
    case OPTION_T2: message->t2_s = read_only_u32(r); break;
    case OPTION_CLIENT_ID: read_client_id(r, message); break;
    case OPTION_CLASSLESS_ROUTES: message->route_count = read_routes(r, message->routes); break;
    case OPTION_PARAMETERS: message->wants_parameters = mn_reader_left(r) > 0; break;
    case OPTION_OVERLOAD: /* find_fields has seen to it */
    case OPTION_PAD:
    case OPTION_END: break;
    }
}

static void read_options(const struct dhcp_fields *fields, struct mn_dhcp *message)
{
    static const uint8_t known[] = {
        OPTION_SUBNET_MASK,  OPTION_ROUTER,           OPTION_DNS,         OPTION_DOMAIN_NAME,
        OPTION_MTU,          OPTION_REQUESTED_IP,     OPTION_LEASE_TIME,  OPTION_SERVER_ID,
        OPTION_MESSAGE_TYPE, OPTION_PARAMETERS,       OPTION_MESSAGE_MAX, OPTION_T1,
        OPTION_T2,           OPTION_CLASSLESS_ROUTES, OPTION_CLIENT_ID,   OPTION_NTP,
    };
    uint8_t joined[JOINED_MAX];
    for (size_t i = 0; i < sizeof known; i++) {
        struct mn_reader option = gather(fields, known[i], joined);
        read_option(known[i], &option, message);
    }
    if (message->type > MN_DHCP_INFORM)
        message->type = 0;
    if (message->mtu < MTU_MIN)
        message->mtu = 0;
}

enum mn_parse mn_dhcp_parse(const void *data, size_t len, struct mn_dhcp *message)
{
    struct mn_reader r = mn_reader(data, len);
    memset(message, 0, sizeof *message);
    message->operation = mn_read_u8(&r);
    uint8_t hardware = mn_read_u8(&r), hardware_len = mn_read_u8(&r);
    mn_read_u8(&r); /* hops */
    message->xid = mn_read_u32(&r);
    message->secs = mn_read_u16(&r);
    message->broadcast = (mn_read_u16(&r) & FLAG_BROADCAST) != 0;
    message->ciaddr = mn_read_u32(&r);
    message->yiaddr = mn_read_u32(&r);
    mn_read(&r, 8); /* siaddr, giaddr: of booting from a server, and of relays */
    const uint8_t *chaddr = mn_read(&r, CHADDR);
    const uint8_t *sname = mn_read(&r, SNAME), *file = mn_read(&r, FILE);
    uint32_t cookie = mn_read_u32(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    memcpy(message->chaddr.bytes, chaddr, sizeof message->chaddr.bytes);
    bool operation_ok = message->operation == MN_DHCP_BOOTREQUEST || message->operation == MN_DHCP_BOOTREPLY;
    struct dhcp_fields fields;
    if (!operation_ok || hardware != HARDWARE_ETHERNET || hardware_len != sizeof message->chaddr.bytes ||
        cookie != COOKIE || !find_fields(&fields, r, mn_reader(file, FILE), mn_reader(sname, SNAME)))
        return MN_PARSE_INVALID;
    read_options(&fields, message);
    return MN_PARSE_OK;
}

/* ---- emit ---- */

static void write_option_u32(struct mn_writer *w, uint8_t code, uint32_t value)
{
    if (value == 0)
        return;
    mn_write_u8(w, code);
    mn_write_u8(w, 4);
    mn_write_u32(w, value);
}

static void write_options(struct mn_writer *w, const struct mn_dhcp *message)
{
    /* Routes before the router: RFC 3442. */
    static const uint8_t parameters[MN_DHCP_PARAMETERS] = {
        OPTION_SUBNET_MASK, OPTION_CLASSLESS_ROUTES, OPTION_ROUTER, OPTION_DNS, OPTION_DOMAIN_NAME,
        OPTION_MTU,         OPTION_LEASE_TIME,       OPTION_T1,     OPTION_T2,  OPTION_NTP,
    };
    MN_ASSERT(message->client_id_len <= MN_DHCP_CLIENT_ID && message->type != 0);
    mn_write_bytes(w, (const uint8_t[]){OPTION_MESSAGE_TYPE, 1, message->type}, 3);
    if (message->client_id_len > 0) {
        mn_write_bytes(w, (const uint8_t[]){OPTION_CLIENT_ID, message->client_id_len}, 2);
        mn_write_bytes(w, message->client_id, message->client_id_len);
    }
    write_option_u32(w, OPTION_REQUESTED_IP, message->requested_ip);
    write_option_u32(w, OPTION_SERVER_ID, message->server_id);
    if (message->message_max > 0) {
        mn_write_bytes(w, (const uint8_t[]){OPTION_MESSAGE_MAX, 2}, 2);
        mn_write_u16(w, message->message_max);
    }
    if (message->wants_parameters) {
        mn_write_bytes(w, (const uint8_t[]){OPTION_PARAMETERS, sizeof parameters}, 2);
        mn_write_bytes(w, parameters, sizeof parameters);
    }
    mn_write_u8(w, OPTION_END);
    MN_ASSERT(w->ok);
}

void mn_dhcp_emit(void *to, const struct mn_dhcp *message)
{
    struct mn_writer w = mn_writer(to, MN_DHCP_EMIT);
    MN_ASSERT(message->operation == MN_DHCP_BOOTREQUEST || message->operation == MN_DHCP_BOOTREPLY);
    memset(to, 0, MN_DHCP_EMIT);
    mn_write_u8(&w, message->operation);
    mn_write_u8(&w, HARDWARE_ETHERNET);
    mn_write_u8(&w, sizeof message->chaddr.bytes);
    mn_write_u8(&w, 0); /* hops */
    mn_write_u32(&w, message->xid);
    mn_write_u16(&w, message->secs);
    mn_write_u16(&w, message->broadcast ? FLAG_BROADCAST : 0);
    mn_write_u32(&w, message->ciaddr);
    mn_write_u32(&w, message->yiaddr);
    mn_write(&w, 8);
    mn_write_bytes(&w, message->chaddr.bytes, sizeof message->chaddr.bytes);
    mn_write(&w, CHADDR - sizeof message->chaddr.bytes + SNAME + FILE);
    mn_write_u32(&w, COOKIE);
    write_options(&w, message);
}
