/* The DHCPv6 client: answers, events and times in any order. After each step it keeps its
 * promises, and the messages that it sends parse. An answer gets the transaction id and the client
 * identifier that let it through, so that what is behind these checks is reached, too. */
#include "fuzz/fuzz.h"

#include "dhcp/v6/client.h"

#define MESSAGE_MAX 1024
#define STEPS 256

struct dhcp6_fuzz {
    struct mn_dhcp6_client client;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
};

static void send_all(struct dhcp6_fuzz *f)
{
    uint8_t bytes[MN_DHCP6_EMIT];
    struct mn_dhcpv6 message;
    size_t len;
    mn_dhcp6_client_check(&f->client);
    while ((len = mn_dhcp6_client_output(&f->client, bytes)) > 0)
        MN_ASSERT(mn_dhcpv6_parse(bytes, len, &message) == MN_PARSE_OK && message.xid == f->client.xid);
    mn_dhcp6_client_check(&f->client);
}

/* Options of the input behind a head and an identifier that are right. */
static void answer(struct dhcp6_fuzz *f, uint8_t type, struct mn_reader *input)
{
    uint8_t bytes[MESSAGE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    size_t len = mn_read_u8(input);
    len = MN_MIN(len, mn_reader_left(input));
    const uint8_t *options = mn_read(input, len);
    struct mn_dhcpv6 head = {.type = type, .xid = f->client.xid, .client_id = f->client.config.duid};
    if (len % 2 == 0)
        head.server_id = f->client.server;
    mn_dhcpv6_write(&w, &head);
    if (options != NULL)
        mn_write_bytes(&w, options, len);
    uint8_t *exact = fuzz_exact(bytes, sizeof bytes - w.left);
    mn_dhcp6_client_input(&f->client, exact, sizeof bytes - w.left, f->now);
    free(exact);
}

static struct mnet_address any_address(const struct dhcp6_fuzz *f, uint8_t choice)
{
    return f->client.binding.addresses[choice % MN_DHCP6_ADDRESSES].address;
}

static void step(struct dhcp6_fuzz *f, struct mn_reader *input)
{
    uint8_t what = mn_read_u8(input), how = mn_read_u8(input);
    switch (what % 8) {
    case 0: f->now += how * MNET_MILLISECOND * 10; break;
    case 1: f->now += how * MNET_SECOND * 100; break;
    case 2:
        f->now = mn_dhcp6_client_deadline(&f->client) < UINT64_MAX / 2 ? mn_dhcp6_client_deadline(&f->client) : f->now;
        break;
    case 3: mn_dhcp6_client_note_flags(&f->client, how & 1, how & 2, f->now); break;
    case 4: mn_dhcp6_client_note_check(&f->client, any_address(f, how / 2), how & 1, f->now); break;
    case 5:
        if (how % 16 == 0)
            mn_dhcp6_client_release(&f->client, f->now);
        else if (how % 2 == 0)
            mn_dhcp6_client_note_link_up(&f->client, f->now);
        else
            mn_dhcp6_client_note_prefixes(&f->client, f->now);
        break;
    case 6: answer(f, MN_DHCPV6_ADVERTISE, input); break;
    default: answer(f, how == 0 ? MN_DHCPV6_RECONFIGURE : MN_DHCPV6_REPLY, input); break;
    }
    mn_dhcp6_client_expire(&f->client, f->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "fuzz";
    struct dhcp6_fuzz f = {.now = MNET_SECOND};
    struct mn_reader input = mn_reader(data, size);
    mn_random_init(&f.random, seed);
    const struct mn_dhcp6_config config = {
        .counters = &f.counters,
        .random = &f.random,
        .duid = mn_dhcpv6_duid_ll((struct mn_mac){{2, 0, 0, 0, 0, 7}}),
        .iaid = 1,
        .rapid_commit = mn_read_u8(&input) & 1,
    };
    mn_dhcp6_client_init(&f.client, &config, f.now);
    for (unsigned i = 0; i < STEPS && mn_reader_left(&input) > 0; i++) {
        step(&f, &input);
        send_all(&f);
    }
    return 0;
}
