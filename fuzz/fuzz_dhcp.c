/* DHCP: a message that parses keeps the parser's promises. A message with a client's fields is
 * emitted, and parses to the same fields. */
#include "fuzz/fuzz.h"
#include "wire/dhcp.h"

static void check_text(const struct mn_dhcp *message)
{
    MN_ASSERT(memchr(message->domain, '\0', sizeof message->domain) != NULL);
    for (const char *c = message->domain; *c != '\0'; c++)
        MN_ASSERT(*c > ' ' && *c < 127);
}

static void check_counts(const struct mn_dhcp *message)
{
    MN_ASSERT(message->router_count <= MN_DHCP_ROUTERS && message->dns_count <= MN_DHCP_DNS);
    MN_ASSERT(message->ntp_count <= MN_DHCP_NTP);
    MN_ASSERT(message->route_count <= MN_DHCP_ROUTES && message->type <= MN_DHCP_INFORM);
    for (unsigned i = 0; i < message->route_count; i++)
        MN_ASSERT(message->routes[i].length <= 32);
}

static void round_trip(const struct mn_dhcp *message)
{
    struct mn_dhcp said = *message, back;
    if (said.type == 0) /* a message of BOOTP, which no client sends */
        return;
    if (said.client_id_len > MN_DHCP_CLIENT_ID)
        said.client_id_len = MN_DHCP_CLIENT_ID;
    uint8_t *out = malloc(MN_DHCP_EMIT);
    MN_ASSERT(out != NULL);
    mn_dhcp_emit(out, &said);
    MN_ASSERT(mn_dhcp_parse(out, MN_DHCP_EMIT, &back) == MN_PARSE_OK);
    free(out);
    MN_ASSERT(back.operation == said.operation && back.type == said.type && back.xid == said.xid);
    MN_ASSERT(back.secs == said.secs && back.broadcast == said.broadcast && back.ciaddr == said.ciaddr);
    MN_ASSERT(back.yiaddr == said.yiaddr && mn_mac_equal(back.chaddr, said.chaddr));
    MN_ASSERT(back.server_id == said.server_id && back.requested_ip == said.requested_ip);
    MN_ASSERT(back.message_max == said.message_max && back.wants_parameters == said.wants_parameters);
    MN_ASSERT(back.client_id_len == said.client_id_len);
    MN_ASSERT(memcmp(back.client_id, said.client_id, sizeof said.client_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = fuzz_exact(data, size);
    struct mn_dhcp message;
    enum mn_parse verdict = mn_dhcp_parse(bytes, size, &message);
    free(bytes);
    MN_ASSERT((verdict == MN_PARSE_TRUNCATED) == (size < 240));
    if (verdict == MN_PARSE_OK) {
        check_text(&message);
        check_counts(&message);
        round_trip(&message);
    }
    return 0;
}
