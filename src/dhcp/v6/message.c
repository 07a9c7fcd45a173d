/* The options of each message (RFC 8415 18.2.1 to 18.2.8, table in appendix B). */
#include "dhcp/v6/client.h"

static enum mn_dhcpv6_type type_of(enum mn_dhcp6_state state)
{
    switch (state) {
    case MN_DHCP6_SOLICITING: return MN_DHCPV6_SOLICIT;
    case MN_DHCP6_REQUESTING: return MN_DHCPV6_REQUEST;
    case MN_DHCP6_RENEWING: return MN_DHCPV6_RENEW;
    case MN_DHCP6_REBINDING: return MN_DHCPV6_REBIND;
    case MN_DHCP6_CONFIRMING: return MN_DHCPV6_CONFIRM;
    case MN_DHCP6_DECLINING: return MN_DHCPV6_DECLINE;
    case MN_DHCP6_RELEASING: return MN_DHCPV6_RELEASE;
    case MN_DHCP6_INFORMING:
    case MN_DHCP6_INFORMED:
    case MN_DHCP6_OFF:
    case MN_DHCP6_BOUND:
    case MN_DHCP6_RELEASED: break;
    }
    MN_ASSERT(state == MN_DHCP6_INFORMING); /* the others have nothing to send */
    return MN_DHCPV6_INFORMATION_REQUEST;
}

static void ask_for(struct mn_dhcpv6 *message, enum mn_dhcpv6_option option)
{
    MN_ASSERT(message->requested_count < MN_DHCPV6_REQUESTED);
    message->requested[message->requested_count++] = (uint16_t)option;
}

/* The Option Request option: DHCP6-21.7-1, DHCP6-18.2.1-5, DHCP6-18.2.2-2, DHCP6-18.2.6-1. */
static void list_requested(struct mn_dhcpv6 *message)
{
    switch (message->type) {
    case MN_DHCPV6_SOLICIT:
    case MN_DHCPV6_REQUEST:
    case MN_DHCPV6_RENEW:
    case MN_DHCPV6_REBIND: ask_for(message, MN_DHCPV6_OPTION_SOL_MAX_RT); break; /* DHCP6-21.24-1 */
    case MN_DHCPV6_INFORMATION_REQUEST:
        ask_for(message, MN_DHCPV6_OPTION_INF_MAX_RT);   /* DHCP6-21.25-1 */
        ask_for(message, MN_DHCPV6_OPTION_REFRESH_TIME); /* DHCP6-21.23-1, DHCP6-21.23-2 */
        break;
    default: return;
    }
    ask_for(message, MN_DHCPV6_OPTION_DNS_SERVERS); /* N6-8.1-2 */
    ask_for(message, MN_DHCPV6_OPTION_DOMAIN_LIST);
    ask_for(message, MN_DHCPV6_OPTION_NTP_SERVER); /* RFC 5908 5 */
}

/* The one IA_NA (DHCP6-12.1-1), its times 0 (DHCP6-21.4-2), without an address of its own choice
 * (DHCP6-21.6-3). Addresses that have ended are not in the binding any more (DHCP6-15-1). */
static void list_addresses(const struct mn_dhcp6_client *client, struct mn_dhcpv6 *message)
{
    struct mn_dhcpv6_ia *ia = &message->ias[0];
    switch (message->type) {
    case MN_DHCPV6_INFORMATION_REQUEST: return; /* DHCP6-18.2.6-3 */
    case MN_DHCPV6_SOLICIT: break;              /* DHCP6-18.2.1-3 */
    case MN_DHCPV6_DECLINE:
    case MN_DHCPV6_RELEASE: mn_dhcp6_binding_list(&client->leaving, ia); break;
    case MN_DHCPV6_REQUEST:
        if (client->binding.count == 0) /* DHCP6-18.2.2-3 */
            *ia = client->wanted;
        else
            mn_dhcp6_binding_list(&client->binding, ia);
        break;
    default: mn_dhcp6_binding_list(&client->binding, ia); break;
    }
    ia->iaid = client->config.iaid;
    message->ia_count = 1;
}

void mn_dhcp6_describe(const struct mn_dhcp6_client *client, struct mn_dhcpv6 *message)
{
    enum mn_dhcpv6_type type = type_of((enum mn_dhcp6_state)client->state);
    bool to_one = type == MN_DHCPV6_REQUEST || type == MN_DHCPV6_RENEW || type == MN_DHCPV6_RELEASE ||
                  type == MN_DHCPV6_DECLINE;
    *message = (struct mn_dhcpv6){
        .type = (uint8_t)type,
        .xid = client->xid,
        .client_id = client->config.duid, /* DHCP6-18.2.1-1, DHCP6-18.2.6-2 */
        .has_elapsed = true,
        .elapsed = mn_dhcp6_exchange_elapsed(&client->exchange, client->now), /* DHCP6-15-1 */
        .rapid_commit = type == MN_DHCPV6_SOLICIT && client->config.rapid_commit,
    };
    if (to_one) /* DHCP6-14-1, DHCP6-18.2.2-1, DHCP6-18.2.4-2 */
        message->server_id = client->server;
    list_requested(message);
    list_addresses(client, message);
}
