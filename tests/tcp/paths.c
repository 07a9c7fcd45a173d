/* The host's path-MTU cache in the harness, and the ICMP errors that fill it. */
#include "tests/tcp/harness.h"

void tcp_start_paths(struct tcp_test *t, uint16_t mtu)
{
    mn_wheel_init(&t->path_wheel, t->now);
    const struct mn_path_mtu_config config = {
        .memory = t->memory,
        .wheel = &t->path_wheel,
        .key = {1, 2},
        .max = 16,
        .age_ns = MN_PATH_MTU_AGE_NS,
        .link_mtu = mtu,
    };
    mn_path_mtus_init(&t->paths, &config);
}

void tcp_expire_paths(struct tcp_test *t)
{
    for (struct mn_timer *timer; (timer = mn_wheel_expire(&t->path_wheel, t->now)) != NULL;)
        mn_path_mtu_expire(&t->paths, timer);
}

static void enter_path_mtu(struct tcp_test *t, uint32_t mtu)
{
    mn_path_mtu_lower(&t->paths, t->remote.address, mtu, t->now);
}

void learn_path_mtu(struct tcp_test *t, uint16_t mtu)
{
    enter_path_mtu(t, mtu);
    pump(t);
}

void icmp_(struct tcp_test *t, enum mn_unreachable reason, uint32_t mtu, uint32_t seq)
{
    uint8_t quote[MN_TCP_HEADER];
    struct mn_tcp_header h = {.source_port = t->local.port, .destination_port = t->remote.port, .seq = t->iss + seq};
    mn_tcp_emit(quote, &h);
    struct mn_icmp_error error = {
        .reason = reason,
        .mtu = mtu,
        .protocol = MN_PROTOCOL_TCP,
        .local = t->local.address,
        .remote = t->remote.address,
        .quote = quote,
        .quote_len = 8,
        .reporter = endpoint(10, 0, 0, 254, 0).address,
    };
    if (mn_tcp_icmp(t->tcp, &error, t->now) && reason == MN_UNREACHABLE_TOO_BIG)
        enter_path_mtu(t, mtu);
    pump(t);
}
