/* Names in a stack: lookups over UDP and TCP, and connections by name (RFC 8305 3), between two
 * simulated hosts. The server's stack has a DNS server, played by tasks of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/addresses.h"
#include "support/world.h"
#include "wire/dns.h"

#define SERVER_6 address("2001:db8::1")

/* The zone of the server: one name with addresses, after a time for each family. */
struct zone {
    int a_ms, aaaa_ms;   /* until the answer; negative: never */
    bool no_a, no_aaaa;  /* there are no such records */
    bool no_name;        /* NXDOMAIN for all names */
    bool truncates;      /* over UDP */
    uint16_t aaaa_rcode; /* of AAAA questions */
    struct mnet_address a, aaaa;
    unsigned questions, streams; /* so far */
    struct mnet_udp *udp;
    struct mnet_listener *listener;
    uint16_t ports[256];
};

static struct zone zone;

/* ---- the server ---- */

struct name_request {
    uint8_t bytes[1500];
    size_t len;
    struct mnet_endpoint from;
};

static void put_record(struct mn_writer *w, uint16_t type, const void *data, size_t len)
{
    mn_write_u16(w, 0xc00c); /* the name of the question */
    mn_write_u16(w, type);
    mn_write_u16(w, 1);
    mn_write_u32(w, 60);
    mn_write_u16(w, (uint16_t)len);
    mn_write_bytes(w, data, len);
}

static uint16_t rcode_of(uint16_t type)
{
    if (zone.no_name)
        return MN_DNS_NXDOMAIN;
    return type == MN_DNS_AAAA ? zone.aaaa_rcode : 0;
}

/* Turns a question into its answer. */
static size_t answer(uint8_t *bytes, size_t len, bool truncated)
{
    struct mn_dns_message question;
    bytes[2] |= 0x80;
    if (mn_dns_parse(bytes, len, &question) != MN_PARSE_OK)
        return 0;
    uint16_t type = question.type, rcode = rcode_of(type);
    bool found = rcode == 0 && !truncated && !(type == MN_DNS_A ? zone.no_a : zone.no_aaaa);
    bytes[2] = truncated ? 0x83 : 0x81;
    bytes[3] = (uint8_t)(0x80 | rcode);
    bytes[7] = found;
    bytes[11] = 0; /* without OPT */
    struct mn_writer w = mn_writer(bytes + question.records_at, 200);
    if (found && type == MN_DNS_A)
        put_record(&w, type, zone.a.bytes + 12, 4);
    else if (found && type == MN_DNS_AAAA)
        put_record(&w, type, zone.aaaa.bytes, 16);
    else if (found && type == MN_DNS_TXT)
        put_record(&w, type, "\5hello", 6);
    else if (found && type == MN_DNS_PTR)
        put_record(&w, type, "\4host\7example", 14);
    return question.records_at + 200 - w.left;
}

static int delay_of(const struct name_request *request)
{
    struct mn_dns_message question;
    uint8_t copy[1500];
    memcpy(copy, request->bytes, request->len);
    copy[2] |= 0x80;
    if (mn_dns_parse(copy, request->len, &question) != MN_PARSE_OK)
        return -1;
    return question.type == MN_DNS_AAAA ? zone.aaaa_ms : zone.a_ms;
}

static int reply(void *argument)
{
    struct name_request *request = argument;
    int ms = delay_of(request);
    if (ms >= 0 && mnet_sleep(in_ms((uint64_t)ms)) == 0 && zone.udp != NULL) {
        size_t len = answer(request->bytes, request->len, zone.truncates);
        (void)mnet_udp_send(zone.udp, &request->from, request->bytes, len, MNET_NEVER);
    }
    free(request);
    return 0;
}

static int serve_udp(void *argument)
{
    struct mnet_udp *udp = argument;
    for (;;) {
        struct name_request *request = malloc(sizeof *request);
        ptrdiff_t len = mnet_udp_receive(udp, request->bytes, 1200, &request->from, MNET_NEVER);
        if (len < 0) {
            free(request);
            return 0;
        }
        request->len = (size_t)len;
        zone.ports[zone.questions++ % 256] = request->from.port;
        assert_int_equal(mnet_spawn(NULL, reply, request), 0);
    }
}

static int serve_stream(void *argument)
{
    struct mnet_flow *flow = argument;
    uint8_t bytes[1500];
    while (mnet_tcp_read_exactly(flow, bytes, 2, NULL, MNET_NEVER) == 0) {
        size_t len = (size_t)(bytes[0] << 8 | bytes[1]);
        if (len > 600 || mnet_tcp_read_exactly(flow, bytes + 2, len, NULL, MNET_NEVER) < 0)
            break;
        len = answer(bytes + 2, len, false);
        bytes[0] = (uint8_t)(len >> 8);
        bytes[1] = (uint8_t)len;
        if (mnet_tcp_write(flow, bytes, len + 2, NULL, MNET_NEVER) < 0)
            break;
    }
    mnet_tcp_close(flow);
    return 0;
}

static int serve_tcp(void *argument)
{
    struct mnet_listener *listener = argument;
    struct mnet_flow *flow;
    while (mnet_tcp_accept(listener, &flow, MNET_NEVER) == 0) {
        zone.streams++;
        assert_int_equal(mnet_spawn(NULL, serve_stream, flow), 0);
    }
    return 0;
}

/* ---- the world ---- */

static int (*current)(struct world *w);
static bool at_once; /* the test begins while the addresses are tentative */

static int start_server(struct world *w)
{
    const struct mnet_udp_options options = {.local.port = MN_DNS_PORT};
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &zone.udp), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, MN_DNS_PORT, NULL, &zone.listener), 0);
    CHECK_EQUAL(mnet_spawn(NULL, serve_udp, zone.udp), 0);
    CHECK_EQUAL(mnet_spawn(NULL, serve_tcp, zone.listener), 0);
    return 0;
}

static int run_current(struct world *w)
{
    if (!at_once)
        sleep_ms(3000); /* until the addresses of IPv6 are ours */
    CHECK_EQUAL(start_server(w), 0);
    CHECK_EQUAL(current(w), 0);
    if (w->client != NULL)
        mnet_stack_down(w->client); /* which ends the resolver */
    w->client = NULL;
    sleep_ms(100);
    mnet_udp_close(zone.udp);
    zone.udp = NULL;
    mnet_tcp_unlisten(zone.listener);
    sleep_ms(20000);
    return 0;
}

static void run_with(int (*body)(struct world *w), struct world_options *options)
{
    zone = (struct zone){.a = WORLD_SERVER, .aaaa = SERVER_6};
    options->server.ip.ipv6 = prefix("2001:db8::1/64");
    options->client.ip.dns[0] = WORLD_SERVER;
    options->client.ip.dns_count = 1;
    if (!options->client.ip.no_ipv6)
        options->client.ip.ipv6 = prefix("2001:db8::2/64");
    current = body;
    world_run(run_current, options);
}

static void run(int (*body)(struct world *w))
{
    run_with(body, &(struct world_options){0});
}

/* ---- lookups ---- */

static int resolves_both(struct world *w)
{
    struct mnet_address found[4];
    CHECK_EQUAL(mnet_dns_resolve(w->client, "host.example", found, 4, in_ms(5000)), 2);
    CHECK(mnet_address_equal(found[0], SERVER_6));
    CHECK(mnet_address_equal(found[1], WORLD_SERVER));
    CHECK_EQUAL(zone.questions, 2);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "HOST.example.", found, 1, in_ms(5000)), 1);
    CHECK_EQUAL(zone.questions, 2); /* the cache */
    CHECK(mnet_address_equal(found[0], SERVER_6));
    return 0;
}

/* DNS1123-6.1.3.4-1 */
static void both_families_are_looked_up(void **state)
{
    (void)state;
    run(resolves_both);
}

static int resolves_ipv4(struct world *w)
{
    struct mnet_address found[4];
    CHECK_EQUAL(mnet_dns_resolve(w->client, "host.example", found, 4, in_ms(5000)), 1);
    CHECK_EQUAL(zone.questions, 1);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "localhost", found, 4, in_ms(5000)), 1);
    CHECK(mnet_address_equal(found[0], mnet_ipv4(127, 0, 0, 1)));
    return 0;
}

static void stack_without_ipv6_asks_for_ipv4_alone(void **state)
{
    (void)state;
    run_with(resolves_ipv4, &(struct world_options){.client.ip.no_ipv6 = true});
}

static int hosts(struct world *w)
{
    struct mnet_address found[4];
    CHECK_EQUAL(mnet_dns_resolve(w->client, "db.example", found, 4, 0), 2);
    CHECK(mnet_address_equal(found[0], address("2001:db8::5")) && mnet_address_equal(found[1], address("10.0.0.5")));
    CHECK_EQUAL(mnet_dns_resolve(w->client, "DB.Example.", found, 4, 0), 2);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "cache", found, 4, 0), 1);
    CHECK(mnet_address_equal(found[0], address("10.0.0.7")));
    CHECK_EQUAL(zone.questions, 0);
    mnet_dns_resolve(w->client, "a.db.example", found, 4, in_ms(5000));
    CHECK(zone.questions > 0);
    return 0;
}

static void hosts_of_the_configuration_need_no_question(void **state)
{
    (void)state;
    run_with(hosts, &(struct world_options){.client.ip = {.hosts = {{address("2001:db8::5"), "db.example"},
                                                                    {address("10.0.0.5"), "db.example"},
                                                                    {address("10.0.0.6"), "db.example"},
                                                                    {address("10.0.0.7"), "cache"}},
                                                          .host_count = 4}});
}

/* DNS1123-2.1-1, SPEC-6.3-1, SPEC-6.4-1 */
static int literals(struct world *w)
{
    struct mnet_address found[4];
    CHECK_EQUAL(mnet_dns_resolve(w->client, "10.1.2.3", found, 4, 0), 1);
    CHECK(mnet_address_equal(found[0], mnet_ipv4(10, 1, 2, 3)));
    CHECK_EQUAL(mnet_dns_resolve(w->client, "2001:db8::7", found, 4, 0), 1);
    CHECK(mnet_address_equal(found[0], address("2001:db8::7")));
    CHECK_EQUAL(mnet_dns_resolve(w->client, "fe80::7%service", found, 4, 0), 1);
    CHECK_EQUAL(found[0].zone, w->client->zone);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "fe80::7%stranger", found, 4, 0), MNET_E_NO_ZONE);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "fe80::7%", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "fe80::g%service", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "2001:db8::7%service", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "2001:db8::7::8", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a.localhost", found, 4, 0), 2);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "x.invalid", found, 4, 0), MNET_E_NO_NAME);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a..b", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a b", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "host", found, 0, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_resolve(NULL, "host", found, 4, 0), MNET_E_INVALID);
    CHECK_EQUAL(zone.questions, 0);
    return 0;
}

static void some_names_need_no_question(void **state)
{
    (void)state;
    run(literals);
}

/* DNS1034-5.2.1-1, DNS1034-5.2.3-1 */
static int failures(struct world *w)
{
    struct mnet_address found[4];
    zone.no_a = zone.no_aaaa = true;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a.example", found, 4, in_ms(5000)), MNET_E_NO_DATA);
    zone.no_name = true;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "b.example", found, 4, in_ms(5000)), MNET_E_NO_NAME);
    zone.no_name = false;
    zone.a_ms = zone.aaaa_ms = -1;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "c.example", found, 4, in_ms(60000)), MNET_E_TRY_AGAIN);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "d.example", found, 4, in_ms(500)), MNET_E_DEADLINE);
    return 0;
}

static void failures_have_their_causes(void **state)
{
    (void)state;
    run(failures);
}

static int one_family(struct world *w)
{
    struct mnet_address found[4];
    zone.aaaa_ms = -1;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a.example", found, 4, in_ms(1000)), 1);
    CHECK(mnet_address_equal(found[0], WORLD_SERVER));
    zone.aaaa_rcode = MN_DNS_SERVFAIL;
    zone.aaaa_ms = 0;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "b.example", found, 4, in_ms(1000)), 1);
    return 0;
}

/* HE-3-8 */
static void failure_of_one_family_is_none_of_the_other(void **state)
{
    (void)state;
    run(one_family);
}

static int records(struct world *w)
{
    uint8_t data[64];
    char name[64];
    CHECK_EQUAL(mnet_dns_lookup(w->client, "a.example", MNET_DNS_TXT, data, sizeof data, in_ms(1000)), 1);
    CHECK_EQUAL(memcmp(data, "\0\6\5hello", 8), 0);
    CHECK_EQUAL(mnet_dns_lookup(w->client, "a.example", MNET_DNS_TXT, data, 7, in_ms(1000)), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_dns_lookup(w->client, "a.example", (enum mnet_dns_type)41, data, 7, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_reverse(w->client, mnet_ipv4(10, 0, 0, 1), name, sizeof name, in_ms(1000)), 0);
    CHECK_EQUAL(strcmp(name, "host.example"), 0);
    CHECK_EQUAL(mnet_dns_reverse(w->client, SERVER_6, name, 5, in_ms(1000)), MNET_E_TOO_BIG);
    CHECK_EQUAL(mnet_dns_name_text("\2ab\1c", 6, name, sizeof name), 6);
    CHECK_EQUAL(strcmp(name, "ab.c"), 0);
    CHECK_EQUAL(mnet_dns_name_text("\2ab\1c", 5, name, sizeof name), MNET_E_INVALID);
    CHECK_EQUAL(mnet_dns_name_text("\300\0", 2, name, sizeof name), MNET_E_INVALID);
    return 0;
}

static void records_of_any_type_are_looked_up(void **state)
{
    (void)state;
    run(records);
}

static int over_tcp(struct world *w)
{
    struct mnet_address found[4];
    zone.truncates = true;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a.example", found, 4, in_ms(5000)), 2);
    CHECK_EQUAL(zone.streams, 1);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "b.example", found, 4, in_ms(5000)), 2);
    CHECK_EQUAL(zone.streams, 1); /* the same */
    sleep_ms(12000);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    return 0;
}

static void truncated_answers_come_over_tcp(void **state)
{
    (void)state;
    run(over_tcp);
}

static int refused_server(struct world *w)
{
    struct mnet_address found[4];
    mnet_udp_close(zone.udp); /* nobody on port 53 */
    const struct mnet_udp_options options = {.local.port = 5300};
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &zone.udp), 0);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(mnet_dns_resolve(w->client, "a.example", found, 4, in_ms(5000)), MNET_E_TRY_AGAIN);
    CHECK(mnet_now() - begin < 100 * MNET_MILLISECOND);
    return 0;
}

/* DNS2308-7.2-1 */
static void unreachable_server_is_told_at_once(void **state)
{
    (void)state;
    run(refused_server);
}

static int ports(struct world *w)
{
    struct mnet_address found[4];
    unsigned ascending = 0, below = 0;
    for (unsigned i = 0; i < 100; i++) {
        char name[16] = "aa.example";
        name[0] = (char)('a' + i / 26);
        name[1] = (char)('a' + i % 26);
        CHECK_EQUAL(mnet_dns_resolve(w->client, name, found, 4, in_ms(5000)), 2);
    }
    CHECK_EQUAL(zone.questions, 200);
    for (unsigned i = 1; i < 200; i++) {
        ascending += zone.ports[i] > zone.ports[i - 1];
        below += zone.ports[i] < 49152;
        if (i % 2)
            CHECK(zone.ports[i] != zone.ports[i - 1]); /* both at once */
    }
    CHECK(ascending > 60 && ascending < 140);
    CHECK(below > 60 && below < 140);
    CHECK_EQUAL(w->client->udp.endpoints, w->client->dhcp6.runs ? 1 : 0);
    return 0;
}

/* DSPOOF-9.1-2, DSPOOF-9.2-1, DSPOOF-9.2-2 */
static void each_question_has_a_port_of_its_own(void **state)
{
    (void)state;
    run(ports);
}

static int search(struct world *w)
{
    struct mnet_address found[4];
    CHECK_EQUAL(mnet_dns_resolve(w->client, "host", found, 4, in_ms(5000)), 2);
    zone.no_name = true;
    unsigned before = zone.questions;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "other", found, 4, in_ms(5000)), MNET_E_NO_NAME);
    CHECK_EQUAL(zone.questions - before, 4); /* two domains, both families */
    before = zone.questions;
    CHECK_EQUAL(mnet_dns_resolve(w->client, "third.", found, 4, in_ms(5000)), MNET_E_NO_NAME);
    CHECK_EQUAL(zone.questions - before, 2);
    return 0;
}

static void short_names_are_searched_for(void **state)
{
    (void)state;
    run_with(search,
             &(struct world_options){.client.ip.search = {"lab.example", "example"}, .client.ip.search_count = 2});
}

static int looks_up(void *argument)
{
    struct world *w = argument;
    struct mnet_address found[4];
    return mnet_dns_resolve(w->client, "a.example", found, 4, MNET_NEVER);
}

static int stack_ends(struct world *w)
{
    struct mnet_task *task, *cancelled;
    int result;
    zone.a_ms = zone.aaaa_ms = -1;
    CHECK_EQUAL(mnet_spawn(&task, looks_up, w), 0);
    CHECK_EQUAL(mnet_spawn(&cancelled, looks_up, w), 0);
    sleep_ms(100);
    mnet_cancel(cancelled);
    CHECK_EQUAL(mnet_join(cancelled, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, MNET_E_CANCELLED);
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK_EQUAL(mnet_join(task, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, MNET_E_CLOSED);
    return 0;
}

static void lookup_ends_with_its_task_or_its_stack(void **state)
{
    (void)state;
    run(stack_ends);
}

/* ---- connections by name ---- */

/* When the first SYN was sent, in ms after the call, and to which family. */
struct first_syn {
    uint64_t begin, at;
    bool ipv4;
    unsigned count;
    uint64_t times[8];
    bool families[8];
};

static void note_syn(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                     const void *frame, size_t len)
{
    struct first_syn *syn = context;
    const uint8_t *bytes = frame;
    bool ipv4 = bytes[12] == 0x08 && bytes[13] == 0x00, ipv6 = bytes[12] == 0x86;
    if (direction != MNET_SIM_SENDING || strcmp(mnet_sim_host_name(host), "client") != 0 || len < 74 || !(ipv4 || ipv6))
        return;
    if (bytes[ipv4 ? 23 : 20] != 6 || (bytes[ipv4 ? 47 : 67] & 0x12) != 2 || syn->count == 8)
        return;
    syn->times[syn->count] = (now - syn->begin) / MNET_MILLISECOND;
    syn->families[syn->count++] = ipv4;
}

static int connect_by_name(struct world *w, struct first_syn *syn, int wanted)
{
    static unsigned number;
    char name[32];
    struct mnet_flow *flow = NULL;
    snprintf(name, sizeof name, "host%u.example", number++);
    *syn = (struct first_syn){.begin = mnet_now()};
    mnet_sim_watch(w->sim, note_syn, syn);
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, name, 80, NULL, &flow, in_ms(10000)), wanted);
    mnet_sim_watch(w->sim, NULL, NULL);
    if (flow != NULL)
        mnet_tcp_close(flow);
    return 0;
}

/* So that the next packets wait for no neighbour. */
static int warm_up(struct world *w)
{
    struct mnet_address found[4];
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER_6, 9, &flow, in_ms(1000)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_dns_resolve(w->client, "warm.example", found, 4, in_ms(5000)), 2);
    return 0;
}

static int both_known(struct world *w)
{
    struct mnet_listener *listener;
    struct first_syn syn;
    CHECK_EQUAL(warm_up(w), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    zone.aaaa_ms = 20; /* HE-3-2, HE-3-3: the first IPv6 address, at once */
    zone.a_ms = -1;
    CHECK_EQUAL(connect_by_name(w, &syn, 0), 0);
    CHECK_EQUAL(syn.times[0], 22);
    CHECK(!syn.families[0]);
    zone.a_ms = 10; /* HE-3-4: IPv6 within 50 ms of IPv4 */
    zone.aaaa_ms = 40;
    CHECK_EQUAL(connect_by_name(w, &syn, 0), 0);
    CHECK_EQUAL(syn.times[0], 42);
    CHECK(!syn.families[0]);
    zone.aaaa_ms = 20; /* HE-3-5: no IPv6 */
    zone.no_aaaa = true;
    CHECK_EQUAL(connect_by_name(w, &syn, 0), 0);
    CHECK_EQUAL(syn.times[0], 22);
    CHECK(syn.families[0]);
    zone.no_aaaa = false; /* HE-3-6: no word of IPv6 */
    zone.aaaa_ms = -1;
    CHECK_EQUAL(connect_by_name(w, &syn, 0), 0);
    CHECK_EQUAL(syn.times[0], 62);
    CHECK(syn.families[0]);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* HE-3-1, HE-8-1: see the ids in the body. */
static void connection_by_name_begins_with_the_first_answer(void **state)
{
    (void)state;
    run(both_known);
}

static int late_ipv6(struct world *w)
{
    struct mnet_listener *listener;
    struct first_syn syn;
    const struct mnet_listen_options ipv6 = {.family = MNET_FAMILY_IPV6};
    CHECK_EQUAL(warm_up(w), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &ipv6, &listener), 0);
    zone.a = mnet_ipv4(10, 0, 0, 77); /* nobody: ARP is not answered */
    zone.a_ms = 10;
    zone.aaaa_ms = 100;
    CHECK_EQUAL(connect_by_name(w, &syn, 0), 0);
    CHECK_EQUAL(syn.count, 1); /* that to nobody waits for its neighbour */
    CHECK(!syn.families[0]);
    CHECK_EQUAL(syn.times[0], 62 + 250);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* HE-3-7, HE-6-2 */
static void address_that_becomes_known_later_joins_the_race(void **state)
{
    (void)state;
    run(late_ipv6);
}

static int connects_at_start(struct world *w)
{
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    const struct mnet_listen_options options = {.family = MNET_FAMILY_IPV6};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &options, &listener), 0);
    CHECK(mn_ip_probes_ipv6(&w->client->ip));
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "host.example", 80, NULL, &flow, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "host.example", 80, NULL, &flow, in_ms(10000)), 0);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* Both answers come at once, and IPv4 refuses while the own address of IPv6 is tentative. */
static void address_that_cannot_be_used_yet_is_tried_later(void **state)
{
    (void)state;
    at_once = true;
    run(connects_at_start);
    at_once = false;
}

static int name_errors(struct world *w)
{
    struct first_syn syn;
    struct mnet_flow *flow;
    zone.no_name = true;
    CHECK_EQUAL(connect_by_name(w, &syn, MNET_E_NO_NAME), 0);
    zone.no_name = false;
    CHECK_EQUAL(connect_by_name(w, &syn, MNET_E_REFUSED), 0);
    zone.no_a = zone.no_aaaa = true;
    CHECK_EQUAL(connect_by_name(w, &syn, MNET_E_NO_DATA), 0);
    CHECK_EQUAL(syn.count, 0);
    zone.a_ms = zone.aaaa_ms = -1;
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "a.example", 80, NULL, &flow, in_ms(1000)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "a.example", 0, NULL, &flow, in_ms(1000)), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "10.0.0.1", 80, NULL, &flow, in_ms(1000)), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_connect_name(w->client, "a..b", 80, NULL, &flow, in_ms(1000)), MNET_E_INVALID);
    return 0;
}

static void connection_by_name_fails_with_the_cause(void **state)
{
    (void)state;
    run(name_errors);
}

static int connects(void *argument)
{
    struct world *w = argument;
    struct mnet_flow *flow;
    return mnet_tcp_connect_name(w->client, "a.example", 80, NULL, &flow, MNET_NEVER);
}

static int race_ends(struct world *w)
{
    struct mnet_task *waiting, *racing;
    int result;
    zone.a = mnet_ipv4(10, 0, 0, 77);
    zone.no_aaaa = true;
    CHECK_EQUAL(mnet_spawn(&racing, connects, w), 0);
    sleep_ms(1000);
    zone.a_ms = zone.aaaa_ms = -1;
    CHECK_EQUAL(mnet_spawn(&waiting, looks_up, w), 0);
    sleep_ms(100);
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK_EQUAL(mnet_join(racing, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, MNET_E_CLOSED);
    CHECK_EQUAL(mnet_join(waiting, &result, MNET_NEVER), 0);
    return 0;
}

static void connection_by_name_ends_with_the_stack(void **state)
{
    (void)state;
    run(race_ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families_are_looked_up),
        cmocka_unit_test(stack_without_ipv6_asks_for_ipv4_alone),
        cmocka_unit_test(some_names_need_no_question),
        cmocka_unit_test(hosts_of_the_configuration_need_no_question),
        cmocka_unit_test(failures_have_their_causes),
        cmocka_unit_test(failure_of_one_family_is_none_of_the_other),
        cmocka_unit_test(records_of_any_type_are_looked_up),
        cmocka_unit_test(truncated_answers_come_over_tcp),
        cmocka_unit_test(unreachable_server_is_told_at_once),
        cmocka_unit_test(each_question_has_a_port_of_its_own),
        cmocka_unit_test(short_names_are_searched_for),
        cmocka_unit_test(lookup_ends_with_its_task_or_its_stack),
        cmocka_unit_test(connection_by_name_begins_with_the_first_answer),
        cmocka_unit_test(address_that_becomes_known_later_joins_the_race),
        cmocka_unit_test(address_that_cannot_be_used_yet_is_tried_later),
        cmocka_unit_test(connection_by_name_fails_with_the_cause),
        cmocka_unit_test(connection_by_name_ends_with_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
