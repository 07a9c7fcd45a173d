#include "wire/dns_name.h"

#include <assert.h>
#include <string.h>

#include "base/address.h"
#include "base/base.h"

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* The lengths of labels are below 'A', so they can be treated like any other byte. */
static_assert(MN_DNS_LABEL < 'A', "a length is no letter");

/* Appends a label of text; false if it is empty, too long, or has a byte that names do not have. */
static bool append_label(struct mn_dns_name *name, const char *text, size_t len)
{
    if (len == 0 || len > MN_DNS_LABEL || name->len + 1 + len + 1 > MN_DNS_NAME)
        return false;
    name->bytes[name->len++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '\\')
            return false;
        name->bytes[name->len++] = (uint8_t)text[i];
    }
    return true;
}

bool mn_dns_name_parse(struct mn_dns_name *name, const char *text, bool *complete)
{
    name->len = 0;
    *complete = false;
    if (text[0] == '.' && text[1] == '\0')
        text++; /* the root */
    else if (text[0] == '\0')
        return false;
    while (*text != '\0') {
        size_t len = 0;
        while (text[len] != '.' && text[len] != '\0')
            len++;
        if (!append_label(name, text, len))
            return false;
        text += len;
        if (*text == '.' && *++text == '\0')
            *complete = true;
    }
    if (name->len == 0)
        *complete = true;
    name->bytes[name->len++] = 0;
    return true;
}

bool mn_dns_name_take(struct mn_dns_name *name, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len && data[at] != 0 && data[at] <= MN_DNS_LABEL)
        at += 1u + data[at];
    if (at >= len || data[at] != 0 || at + 1 > MN_DNS_NAME)
        return false;
    name->len = (uint8_t)(at + 1);
    memcpy(name->bytes, data, at + 1);
    return true;
}

static char *put_byte(char *to, uint8_t c)
{
    if (c > ' ' && c <= '~' && c != '.' && c != '\\') {
        *to++ = (char)c;
        return to;
    }
    *to++ = '\\';
    *to++ = (char)('0' + c / 100);
    *to++ = (char)('0' + c / 10 % 10);
    *to++ = (char)('0' + c % 10);
    return to;
}

void mn_dns_name_format(const struct mn_dns_name *name, char *text)
{
    MN_ASSERT(name->len > 0 && name->bytes[name->len - 1] == 0);
    if (name->len == 1)
        *text++ = '.';
    for (size_t at = 0; at + 1 < name->len;) {
        if (at > 0)
            *text++ = '.';
        size_t end = at + 1 + name->bytes[at];
        for (at++; at < end; at++)
            text = put_byte(text, name->bytes[at]);
    }
    *text = '\0';
}

static bool equal_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool mn_dns_name_equal(const struct mn_dns_name *a, const struct mn_dns_name *b)
{
    return a->len == b->len && equal_bytes(a->bytes, b->bytes, a->len);
}

bool mn_dns_name_identical(const struct mn_dns_name *a, const struct mn_dns_name *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool mn_dns_name_is_below(const struct mn_dns_name *name, const struct mn_dns_name *domain)
{
    size_t at = 0;
    while (name->len - at > domain->len)
        at += 1u + name->bytes[at]; /* whole labels only */
    return name->len - at == domain->len && equal_bytes(name->bytes + at, domain->bytes, domain->len);
}

uint64_t mn_dns_name_hash(const struct mn_dns_name *name, const struct mn_hash_key *key)
{
    uint8_t lowered[MN_DNS_NAME];
    for (size_t i = 0; i < name->len; i++)
        lowered[i] = lower(name->bytes[i]);
    return mn_siphash24(key, lowered, name->len);
}

unsigned mn_dns_name_labels(const struct mn_dns_name *name)
{
    unsigned count = 0;
    for (size_t at = 0; at + 1 < name->len; at += 1u + name->bytes[at])
        count++;
    return count;
}

bool mn_dns_name_append(struct mn_dns_name *name, const struct mn_dns_name *domain)
{
    MN_ASSERT(name->len > 0 && domain->len > 0);
    size_t labels = name->len - 1u; /* without the root */
    if (labels + domain->len > MN_DNS_NAME)
        return false;
    memcpy(name->bytes + labels, domain->bytes, domain->len);
    name->len = (uint8_t)(labels + domain->len);
    return true;
}

/* One label of a reversed address: a number of up to three digits, or a digit of 16. */
static void append_number(struct mn_dns_name *name, unsigned value, unsigned base)
{
    char digits[3];
    size_t len = 0;
    unsigned divisor = 1;
    while (value / divisor >= base)
        divisor *= base;
    for (; divisor > 0; divisor /= base)
        digits[len++] = "0123456789abcdef"[value / divisor % base];
    bool fits = append_label(name, digits, len);
    MN_ASSERT(fits);
}

void mn_dns_name_of_address(struct mn_dns_name *name, struct mnet_address address)
{
    bool ipv4 = mn_address_is_ipv4(&address);
    name->len = 0;
    for (int i = 15; i >= (ipv4 ? 12 : 0); i--) {
        if (ipv4) {
            append_number(name, address.bytes[i], 10);
        } else {
            append_number(name, address.bytes[i] & 15u, 16);
            append_number(name, address.bytes[i] >> 4, 16);
        }
    }
    bool fits = append_label(name, ipv4 ? "in-addr" : "ip6", ipv4 ? 7 : 3) && append_label(name, "arpa", 4);
    MN_ASSERT(fits);
    name->bytes[name->len++] = 0;
}

void mn_dns_name_mix_case(struct mn_dns_name *name, struct mn_random *random)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < name->len; i++) {
        if (i % 32 == 0)
            bits = mn_random_u32(random);
        if (is_letter(name->bytes[i]) && (bits >> i % 32 & 1))
            name->bytes[i] ^= 'a' - 'A';
    }
}
