/* Addresses as text: RFC 4291 2.2 in, RFC 5952 out, zones as RFC 4007 11 has them. */
#include "base/address_text.h"

#include <mnet/error.h>

#include <string.h>

#include "base/address.h"
#include "base/base.h"
#include "base/format.h"

#define GROUPS 8 /* groups of 16 bits in an IPv6 address */

/* ---- parsing: each function moves *at behind the text that it parsed, or returns false ---- */

/* Parses a decimal number up to `max` without leading zeros. */
static bool read_decimal(const char **at, unsigned max, unsigned *value)
{
    const char *start = *at;
    for (*value = 0; **at >= '0' && **at <= '9'; ++*at) {
        *value = *value * 10 + (unsigned)(**at - '0');
        if (*value > max)
            return false;
    }
    return *at > start && (*start != '0' || *at == start + 1);
}

static bool read_ipv4(const char **at, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned octet;
        if (i > 0 && *(*at)++ != '.')
            return false;
        if (!read_decimal(at, 255, &octet))
            return false;
        bytes[i] = (uint8_t)octet;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Parses one to four hexadecimal digits. */
static bool read_group(const char **at, unsigned *group)
{
    int digits = 0;
    for (*group = 0; hex_digit(**at) >= 0; ++*at) {
        *group = *group << 4 | (unsigned)hex_digit(**at);
        if (++digits > 4)
            return false;
    }
    return digits > 0;
}

/* An IPv4 address may stand for the last two groups (RFC 4291 2.2, form 3). Returns whether a dot
 * follows the digits, which shows this. */
static bool is_ipv4_next(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return *at == '.';
}

/* Parses at most `max` groups with colons between, until the text is no group or "::". If at least
 * `ipv4_from` groups were read, an IPv4 address may stand for the last two. */
static bool read_groups(const char **at, uint8_t *bytes, int max, int ipv4_from, int *count)
{
    *count = 0;
    if (hex_digit(**at) < 0)
        return true;
    for (;;) {
        if (*count >= ipv4_from && *count <= max - 2 && is_ipv4_next(*at)) {
            bool ok = read_ipv4(at, bytes + 2 * *count);
            *count += 2;
            return ok;
        }
        unsigned group;
        if (*count == max || !read_group(at, &group))
            return false;
        bytes[2 * *count] = (uint8_t)(group >> 8);
        bytes[2 * *count + 1] = (uint8_t)group;
        ++*count;
        if (**at != ':' || (*at)[1] == ':')
            return true;
        ++*at;
    }
}

static bool read_ipv6(const char **at, uint8_t bytes[16])
{
    uint8_t tail[2 * GROUPS];
    int front, behind;
    memset(bytes, 0, 2 * GROUPS);
    if (!read_groups(at, bytes, GROUPS, GROUPS - 2, &front))
        return false;
    if (front == GROUPS)
        return true;
    /* "::" stands for one or more groups of zeros. */
    if ((*at)[0] != ':' || (*at)[1] != ':')
        return false;
    *at += 2;
    if (!read_groups(at, tail, GROUPS - 1 - front, 0, &behind))
        return false;
    MN_ASSERT(front + behind < GROUPS);
    memcpy(bytes + 2 * (GROUPS - behind), tail, (size_t)(2 * behind));
    return true;
}

/* A zone, behind its '%': a number, or a name that `names` knows. It ends before a '/', or with the
 * text. */
static bool read_zone(const char **at, const struct mn_zone_names *names, uint16_t *zone)
{
    const char *start = *at, *end = start;
    unsigned number;
    bool digits = true;
    for (; *end != '\0' && *end != '/'; end++)
        digits = digits && *end >= '0' && *end <= '9';
    if (!digits) {
        *at = end;
        return names != NULL && (*zone = names->find(names->context, start, (size_t)(end - start))) != 0;
    }
    if (!read_decimal(at, UINT16_MAX, &number))
        return false;
    *zone = (uint16_t)number;
    return true;
}

static bool read_address(const char **at, const struct mn_zone_names *names, struct mnet_address *address)
{
    *address = mnet_ipv4(0, 0, 0, 0);
    if (strchr(*at, ':') == NULL)
        return read_ipv4(at, address->bytes + 12);
    if (!read_ipv6(at, address->bytes))
        return false;
    if (**at != '%')
        return true;
    ++*at;
    return mn_address_can_have_zone(address) && read_zone(at, names, &address->zone);
}

int mn_address_parse(const char *text, const struct mn_zone_names *names, struct mnet_address *address)
{
    struct mnet_address result;
    if (!read_address(&text, names, &result) || *text != '\0')
        return MNET_E_INVALID;
    *address = result;
    return MNET_OK;
}

int mnet_address_parse(const char *text, struct mnet_address *address)
{
    return mn_address_parse(text, NULL, address);
}

int mnet_prefix_parse(const char *text, struct mnet_prefix *prefix)
{
    struct mnet_prefix result;
    bool colons = strchr(text, ':') != NULL;
    unsigned length;
    if (!read_address(&text, NULL, &result.address) || *text++ != '/')
        return MNET_E_INVALID;
    if (!read_decimal(&text, colons ? 128 : 32, &length) || *text != '\0')
        return MNET_E_INVALID;
    /* An IPv4 prefix in IPv6 notation counts the 96 bits in front. */
    if (colons && mn_address_is_ipv4(&result.address)) {
        if (length < 96)
            return MNET_E_INVALID;
        length -= 96;
    }
    result.length = (uint8_t)length;
    *prefix = result;
    return MNET_OK;
}

/* Only an address with colons is in brackets. */
int mnet_endpoint_parse(const char *text, struct mnet_endpoint *endpoint)
{
    struct mnet_endpoint result;
    char part[MNET_ADDRESS_TEXT];
    unsigned port;
    bool brackets = *text == '[';
    text += brackets;
    const char *end = strchr(text, brackets ? ']' : ':');
    if (end == NULL || (size_t)(end - text) >= sizeof part)
        return MNET_E_INVALID;
    memcpy(part, text, (size_t)(end - text));
    part[end - text] = '\0';
    const char *at = end + brackets;
    if (*at++ != ':' || !read_decimal(&at, UINT16_MAX, &port) || *at != '\0')
        return MNET_E_INVALID;
    if (brackets == (strchr(part, ':') == NULL) || mnet_address_parse(part, &result.address) < 0)
        return MNET_E_INVALID;
    result.port = (uint16_t)port;
    *endpoint = result;
    return MNET_OK;
}

/* ---- formatting ---- */

/* Finds the first of the longest runs of two or more zero groups (RFC 5952 4.2). Its length is 0 if
 * there is none. */
static void find_gap(const uint16_t groups[GROUPS], int *start, int *length)
{
    *start = *length = 0;
    for (int i = 0; i < GROUPS; i++) {
        int run = 0;
        while (i + run < GROUPS && groups[i + run] == 0)
            run++;
        if (run >= 2 && run > *length) {
            *start = i;
            *length = run;
        }
        i += run;
    }
}

/* Writes the address in lower case, without leading zeros. `text` has room. */
static void write_ipv6(const uint8_t bytes[16], char *text)
{
    uint16_t groups[GROUPS];
    int gap, gap_length;
    for (int i = 0; i < GROUPS; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    find_gap(groups, &gap, &gap_length);
    char *end = text + MNET_ADDRESS_TEXT;
    for (int i = 0; i < GROUPS; i++) {
        if (gap_length > 0 && i == gap) {
            text += mn_format(text, (size_t)(end - text), "::");
            i += gap_length - 1;
            continue;
        }
        bool colon = i > 0 && (gap_length == 0 || i != gap + gap_length);
        text += mn_format(text, (size_t)(end - text), "%s%x", colon ? ":" : "", groups[i]);
    }
}

/* The zone behind its '%': by name if it has one. */
static void write_zone(uint16_t zone, const struct mn_zone_names *names, char *text, size_t size)
{
    const char *name = names != NULL ? names->name(names->context, zone) : NULL;
    if (name != NULL)
        mn_format(text, size, "%%%s", name);
    else
        mn_format(text, size, "%%%u", zone);
}

static void write_address(struct mnet_address address, const struct mn_zone_names *names, char text[MNET_ADDRESS_TEXT])
{
    const uint8_t *b = address.bytes + 12;
    if (mn_address_is_ipv4(&address))
        mn_format(text, MNET_ADDRESS_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    else
        write_ipv6(address.bytes, text);
    size_t len = strlen(text);
    MN_ASSERT(len > 0 && len < 46); /* INET6_ADDRSTRLEN */
    if (address.zone != 0)
        write_zone(address.zone, names, text + len, MNET_ADDRESS_TEXT - len);
}

char *mn_address_format(struct mnet_address address, const struct mn_zone_names *names, char *text, size_t size)
{
    char whole[MNET_ADDRESS_TEXT];
    write_address(address, names, whole);
    mn_format(text, size, "%s", whole);
    return text;
}

char *mn_endpoint_format(struct mnet_endpoint endpoint, const struct mn_zone_names *names, char *text, size_t size)
{
    char whole[MNET_ADDRESS_TEXT];
    write_address(endpoint.address, names, whole);
    bool brackets = !mn_address_is_ipv4(&endpoint.address);
    mn_format(text, size, "%s%s%s:%u", brackets ? "[" : "", whole, brackets ? "]" : "", endpoint.port);
    return text;
}

char *mnet_address_format(struct mnet_address address, char *text, size_t size)
{
    return mn_address_format(address, NULL, text, size);
}

char *mnet_endpoint_format(struct mnet_endpoint endpoint, char *text, size_t size)
{
    return mn_endpoint_format(endpoint, NULL, text, size);
}
