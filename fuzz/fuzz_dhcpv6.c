/* DHCPv6: a message that parses keeps the parser's promises. Written and read again, it is the
 * same. */
#include "fuzz/fuzz.h"

#include "wire/dhcpv6.h"

#define MESSAGE_MAX 8192

static void check_ia(const struct mn_dhcpv6_ia *ia)
{
    MN_ASSERT(ia->address_count <= MN_DHCPV6_ADDRESSES && (ia->t2_s == 0 || ia->t1_s <= ia->t2_s));
    for (unsigned i = 0; i < ia->address_count; i++) {
        MN_ASSERT(ia->addresses[i].preferred_s <= ia->addresses[i].valid_s);
        MN_ASSERT(!mnet_address_is_any(ia->addresses[i].address) && !mnet_address_is_ipv4(ia->addresses[i].address));
    }
}

static void check(const struct mn_dhcpv6 *message)
{
    char text[MN_DOMAIN];
    struct mn_reader domains = message->domains;
    MN_ASSERT(message->ia_count <= MN_DHCPV6_IAS && message->dns_count <= MN_DHCPV6_DNS);
    MN_ASSERT(message->requested_count <= MN_DHCPV6_REQUESTED && message->server_id.len <= MN_DHCPV6_DUID);
    for (unsigned i = 0; i < message->ia_count; i++)
        check_ia(&message->ias[i]);
    while (mn_domain_next(&domains, text))
        MN_ASSERT(strlen(text) < sizeof text);
    MN_ASSERT(domains.ok);
}

/* Written again, what was read gives the same bytes. */
static void round_trip(const struct mn_dhcpv6 *message)
{
    uint8_t first[MESSAGE_MAX], second[MESSAGE_MAX];
    struct mn_dhcpv6 back;
    struct mn_writer w = mn_writer(first, sizeof first), v = mn_writer(second, sizeof second);
    mn_dhcpv6_write(&w, message);
    MN_ASSERT(w.ok && mn_dhcpv6_parse(first, sizeof first - w.left, &back) == MN_PARSE_OK);
    mn_dhcpv6_write(&v, &back);
    MN_ASSERT(v.left == w.left && memcmp(first, second, sizeof first - w.left) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_dhcpv6 message;
    enum mn_parse verdict = mn_dhcpv6_parse(bytes, size, &message);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < 4));
    if (verdict == MN_PARSE_OK) {
        check(&message);
        round_trip(&message);
    }
    free(bytes);
    return 0;
}
