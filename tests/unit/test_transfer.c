/* Seeded transfers over bad links: both ends send and receive at the same time, in pieces of random
 * sizes, and every byte is compared. On a link without faults, data on its way to an end that reads
 * never stands still for longer than a retransmission timeout and a round trip. The program runs
 * once over each family: over IPv6 if TCP_TEST_FAMILY says so, and then the hosts have no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/fault.h>
#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"
#include "base/random.h"

#define PORT 80
#define KIB ((size_t)1024)
#define SETTLED_AT (8 * MNET_SECOND)
#define TIME_LIMIT (3600 * MNET_SECOND)
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)

struct scenario {
    struct mnet_sim_path path;     /* both directions */
    struct mnet_fault_rates fault; /* of the client's device, both directions */
    uint32_t server_offload, client_offload;
    uint16_t mtu;
    size_t bytes;            /* each way */
    const char *arguments;   /* of both hosts; NULL: none */
    uint32_t receive_buffer; /* of both hosts; 0: the default */
    bool late_reader;        /* the client reads nothing for a minute */
};

static bool over_ipv6;

/* One end of the connection. */
struct end {
    const struct scenario *scenario;
    struct mn_random random;
    uint8_t stream; /* that it sends; it receives the other one */
    struct mnet_flow *flow;
    size_t received;
    bool wrong;
    struct mnet_stack *stack;
    size_t memory_before; /* before the connection, and after its end */
    size_t memory_after;
};

/* ---- The bytes ---- */

static uint8_t byte_at(uint8_t stream, size_t offset)
{
    return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15) >> 40) + stream);
}

static void check(struct end *end, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        end->wrong = end->wrong || bytes[i] != byte_at(!end->stream, end->received + i);
    end->received += len;
}

/* ---- One end ---- */

static size_t random_size(struct end *end)
{
    /* Mostly large, sometimes a few bytes. */
    return 1 + mn_random_below(&end->random, mn_random_below(&end->random, 4) == 0 ? 30 : 16000);
}

static int send_stream(void *argument)
{
    struct end *end = argument;
    /* By stream: the writes of both ends interleave. */
    static _Thread_local uint8_t bytes[2][16384];
    uint8_t *piece = bytes[end->stream];
    size_t sent = 0;
    while (sent < end->scenario->bytes) {
        size_t wanted = random_size(end);
        size_t len = MN_MIN(wanted, end->scenario->bytes - sent);
        for (size_t i = 0; i < len; i++)
            piece[i] = byte_at(end->stream, sent + i);
        size_t queued;
        int error = mnet_tcp_write(end->flow, piece, len, &queued, MNET_NEVER);
        if (error != 0)
            return error;
        sent += queued;
    }
    return mnet_tcp_shutdown(end->flow, MNET_SHUTDOWN_WRITE);
}

/* Returns whether frames are only delayed, and the device may refuse none. */
static bool is_good(const struct scenario *s)
{
    const struct mnet_sim_path *p = &s->path;
    const struct mnet_fault_rates *f = &s->fault;
    return (p->loss_ppm | p->burst_enter_ppm | p->duplicate_ppm | p->corrupt_ppm | p->reorder_ppm | p->jitter_ns |
            p->queue_bytes | f->drop_ppm | f->duplicate_ppm | f->reorder_ppm | f->corrupt_ppm | f->truncate_ppm |
            f->refuse_ppm) == 0;
}

/* The first timeout is three round trips or 200 ms (RFC 6298 2.2). A delayed acknowledgement and a
 * round trip follow. */
static uint64_t read_deadline(const struct end *end)
{
    uint64_t rtt = 2 * end->scenario->path.delay_ns, timeout = MN_MAX(3 * rtt, 200 * MNET_MILLISECOND);
    return is_good(end->scenario) ? mnet_now() + timeout + rtt + 40 * MNET_MILLISECOND : MNET_NEVER;
}

/* Reads once, by copy or in place. Returns as mnet_tcp_read does. */
static ptrdiff_t receive_piece(struct end *end)
{
    uint8_t bytes[16384];
    struct mnet_slice slices[4];
    if (mn_random_below(&end->random, 2) == 0) {
        ptrdiff_t len = mnet_tcp_read(end->flow, bytes, random_size(end), read_deadline(end));
        if (len > 0)
            check(end, bytes, (size_t)len);
        return len;
    }
    ptrdiff_t count = mnet_tcp_get(end->flow, slices, MN_COUNT_OF(slices), read_deadline(end));
    for (ptrdiff_t i = 0; i < count; i++)
        check(end, slices[i].data, slices[i].len);
    if (count > 0)
        mnet_tcp_release(end->flow);
    return count;
}

static int exchange(struct end *end)
{
    struct mnet_task *sender;
    int error = mnet_spawn(&sender, send_stream, end), result = 0;
    bool late = end->scenario->late_reader && end->stream == 1;
    if (late)
        mnet_sleep(mnet_now() + 60 * MNET_SECOND);
    ptrdiff_t count = error;
    while (count == 0 || (count > 0 && !mnet_cancelled())) {
        count = receive_piece(end);
        if (count == 0)
            break;
    }
    if (error == 0)
        mnet_join(sender, &result, MNET_NEVER);
    mnet_tcp_close(end->flow);
    if (count < 0)
        return (int)count;
    return result;
}

/* Waits until the frames of a stack's start are gone. Both ends wait for the same time: with IPv6
 * the start takes each as long as chance has it. */
static int settle(struct end *end)
{
    int error = mnet_sleep(SETTLED_AT);
    end->memory_before = mnet_stack_memory_used(end->stack);
    return error;
}

static int serve(struct mnet_env *env, void *argument)
{
    struct end *end = argument;
    struct mnet_listener *listener;
    struct mnet_config config = {.tcp.receive_buffer = end->scenario->receive_buffer};
    int error = mnet_stack_up(env, &config, &end->stack);
    if (error == 0)
        error = mnet_tcp_listen(end->stack, PORT, NULL, &listener);
    if (error == 0)
        error = settle(end);
    if (error == 0)
        error = mnet_tcp_accept(listener, &end->flow, MNET_NEVER);
    return error == 0 ? exchange(end) : error;
}

static int call(struct mnet_env *env, void *argument)
{
    struct end *end = argument;
    struct mnet_config config = {.tcp.receive_buffer = end->scenario->receive_buffer};
    const struct mnet_fault_rates *fault = &end->scenario->fault;
    const struct mnet_address server6 = {.bytes = {0xfd, [15] = 1}};
    struct mnet_device *device = mnet_env_device(env, NULL);
    if (device == NULL)
        return MNET_E_NO_DEVICE;
    config.device = mnet_fault_open(device, &(struct mnet_fault_options){mn_random_u64(&end->random), *fault, *fault});
    int error = mnet_stack_up(env, &config, &end->stack);
    if (error == 0)
        error = settle(end);
    if (error == 0)
        error = mnet_tcp_connect(end->stack, over_ipv6 ? server6 : mnet_ipv4(10, 0, 0, 1), PORT, &end->flow,
                                 MNET_NEVER);
    return error == 0 ? exchange(end) : error;
}

/* Lets all timers run out: retransmissions, TIME-WAIT, ARP. */
static int rest(struct mnet_env *env, void *argument)
{
    (void)env;
    struct end *end = argument;
    int error = mnet_sleep(mnet_now() + 1800 * MNET_SECOND);
    end->memory_after = mnet_stack_memory_used(end->stack);
    return error;
}

/* ---- The network around them ---- */

static void hash_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                       const void *frame, size_t len)
{
    (void)host;
    uint64_t *hash = context;
    const uint8_t *bytes = frame;
    *hash = (*hash ^ now ^ (uint64_t)direction << 60) * 0x100000001b3;
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ bytes[i]) * 0x100000001b3;
}

static void init_end(struct end *end, const struct scenario *scenario, uint64_t seed, uint8_t stream)
{
    uint8_t bytes[MN_RANDOM_SEED] = {(uint8_t)seed, (uint8_t)(seed >> 8), stream};
    *end = (struct end){.scenario = scenario, .stream = stream};
    mn_random_init(&end->random, bytes);
}

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const struct scenario *scenario, bool server)
{
    char arguments[256];
    /* Nobody asks for routers: a device that reorders would keep the last question until the next,
     * in memory that is counted at the end. */
    snprintf(arguments, sizeof arguments,
             over_ipv6 ? "--ipv6=fd00::%d/64 --ipv6-gateway=fe80::9 %s" : "--no-ipv6 --ipv4=10.0.0.%d/24 %s",
             server ? 1 : 2, scenario->arguments != NULL ? scenario->arguments : "");
    uint32_t offload = server ? scenario->server_offload : scenario->client_offload;
    struct mnet_sim_host_options options = {
        .arguments = arguments,
        .mtu = scenario->mtu,
        .tx_offload = offload,
        .rx_offload = offload,
    };
    struct mnet_sim_host *host = mnet_sim_host(sim, server ? "server" : "client", &options);
    assert_non_null(host);
    return host;
}

/* Counts of faults since this was last zeroed. */
static struct mnet_sim_path_counts happened;

static void note_path(const struct mnet_sim_host *host)
{
    struct mnet_sim_path_counts counts = mnet_sim_counts(host, MNET_SIM_SENDING);
    happened.lost += counts.lost;
    happened.duplicated += counts.duplicated;
    happened.corrupted += counts.corrupted;
    happened.reordered += counts.reordered;
}

/* Runs one transfer, checks every byte, and returns the hash of all frames. *elapsed (may be NULL)
 * is the virtual time that it took. */
static uint64_t transfer(const struct scenario *scenario, uint64_t seed, uint64_t *elapsed)
{
    uint64_t hash = 0xcbf29ce484222325;
    struct end server, client;
    init_end(&server, scenario, seed, 0);
    init_end(&client, scenario, seed, 1);
    struct mnet_sim *sim = mnet_sim_create(seed);
    struct mnet_sim_host *server_host = add_host(sim, scenario, true), *client_host = add_host(sim, scenario, false);
    assert_true(mnet_sim_link(sim, server_host, client_host, &scenario->path));
    mnet_sim_watch(sim, hash_frame, &hash);
    uint64_t begin = mnet_sim_now(sim);
    mnet_sim_spawn(server_host, serve, &server);
    mnet_sim_spawn(client_host, call, &client);
    int result = mnet_sim_run(sim, TIME_LIMIT);
    double seconds = (double)(mnet_sim_now(sim) - begin) / 1e9;
    if (elapsed != NULL)
        *elapsed = mnet_sim_now(sim) - begin;
    mnet_sim_spawn(server_host, rest, &server);
    mnet_sim_spawn(client_host, rest, &client);
    if (result == 0)
        result = mnet_sim_run(sim, MNET_NEVER);
    note_path(server_host);
    note_path(client_host);
    mnet_sim_destroy(sim);
    if (result != 0 || server.received != scenario->bytes || client.received != scenario->bytes || server.wrong ||
        client.wrong)
        fail_msg("seed %llu: %s; server received %zu%s, client %zu%s, of %zu bytes, after %.3f s",
                 (unsigned long long)seed, mnet_strerror(result), server.received, server.wrong ? " (wrong)" : "",
                 client.received, client.wrong ? " (wrong)" : "", scenario->bytes, seconds);
    /* At the start there may be more: packets of the stack itself are still on their way. */
    assert_true(server.memory_after <= server.memory_before);
    assert_true(client.memory_after <= client.memory_before);
    return hash;
}

/* Runs several transfers. Every fault that the path is set to cause must have happened: a test
 * without faults would pass, too. */
static void transfer_seeds(const struct scenario *scenario, unsigned seeds)
{
    const struct mnet_sim_path *path = &scenario->path;
    happened = (struct mnet_sim_path_counts){0};
    for (uint64_t seed = 1; seed <= seeds; seed++)
        transfer(scenario, seed, NULL);
    assert_true(path->loss_ppm == 0 || happened.lost > 0);
    assert_true(path->burst_loss_ppm == 0 || happened.lost > 0);
    assert_true(path->duplicate_ppm == 0 || happened.duplicated > 0);
    assert_true(path->corrupt_ppm == 0 || happened.corrupted > 0);
    assert_true(path->reorder_ppm == 0 || happened.reordered > 0);
}

/* ---- Scenarios ---- */

#define WAN .bandwidth_bps = 100000000, .delay_ns = 5 * MNET_MILLISECOND

static void perfect_wire(void **state)
{
    (void)state;
    struct scenario s = {.bytes = 4096 * KIB};
    transfer_seeds(&s, 2);
}

/* One end sends two megabytes and reads nothing for long: its closed window holds up only the data
 * of the other end. */
static void one_end_reads_late(void **state)
{
    (void)state;
    const uint64_t delays[] = {MNET_MILLISECOND, 20 * MNET_MILLISECOND};
    for (unsigned i = 0; i < MN_COUNT_OF(delays); i++) {
        struct scenario s = {.path = {.bandwidth_bps = 100000000, .delay_ns = delays[i]},
                             .bytes = 2048 * KIB,
                             .receive_buffer = 65536,
                             .late_reader = true};
        transfer(&s, 1, NULL);
    }
}

static void narrow_link_with_short_queue(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {.bandwidth_bps = 10000000, .delay_ns = 20 * MNET_MILLISECOND, .queue_bytes = 32 * KIB},
        .bytes = 1024 * KIB,
    };
    transfer_seeds(&s, 3);
}

static void loss_of_one_to_five_percent(void **state)
{
    (void)state;
    for (uint32_t percent = 1; percent <= 5; percent++) {
        struct scenario s = {.path = {WAN, .loss_ppm = percent * 10000}, .bytes = 300 * KIB};
        transfer_seeds(&s, 3);
    }
}

static void loss_in_bursts(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .burst_enter_ppm = 5000, .burst_leave_ppm = 200000, .burst_loss_ppm = 800000},
        .bytes = 300 * KIB,
    };
    transfer_seeds(&s, 3);
}

static void reordering(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .reorder_ppm = 50000, .reorder_ns = 3 * MNET_MILLISECOND, .jitter_ns = MNET_MILLISECOND},
        .bytes = 500 * KIB,
    };
    transfer_seeds(&s, 3);
}

static void duplication(void **state)
{
    (void)state;
    struct scenario s = {.path = {WAN, .duplicate_ppm = 100000}, .bytes = 500 * KIB};
    transfer_seeds(&s, 3);
}

static void corruption(void **state)
{
    (void)state;
    struct scenario s = {.path = {WAN, .corrupt_ppm = 20000}, .bytes = 300 * KIB};
    transfer_seeds(&s, 3);
}

static void everything_at_once(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .loss_ppm = 20000, .duplicate_ppm = 20000, .corrupt_ppm = 10000, .reorder_ppm = 20000,
                 .reorder_ns = 5 * MNET_MILLISECOND, .jitter_ns = 2 * MNET_MILLISECOND, .queue_bytes = 64 * KIB},
        .bytes = 200 * KIB,
    };
    transfer_seeds(&s, 10);
}

static void everything_at_once_with_offloads(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .loss_ppm = 20000, .duplicate_ppm = 20000, .corrupt_ppm = 10000, .reorder_ppm = 20000,
                 .reorder_ns = MNET_MILLISECOND},
        .server_offload = ALL_OFFLOADS,
        .client_offload = ALL_OFFLOADS,
        .bytes = 200 * KIB,
    };
    transfer_seeds(&s, 5);
}

static void offloads_of_both_ends_or_one(void **state)
{
    (void)state;
    const uint32_t offloads[] = {0, MNET_OFFLOAD_CHECKSUM, ALL_OFFLOADS};
    for (unsigned i = 0; i < MN_COUNT_OF(offloads); i++) {
        for (unsigned j = 0; j < MN_COUNT_OF(offloads); j++) {
            struct scenario s = {
                .path = {.bandwidth_bps = 1000000000, .delay_ns = MNET_MILLISECOND},
                .server_offload = offloads[i],
                .client_offload = offloads[j],
                .bytes = 1024 * KIB,
            };
            transfer(&s, 1, NULL);
        }
    }
}

static void offloads_and_coalescing_switched_off(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .loss_ppm = 10000},
        .server_offload = ALL_OFFLOADS,
        .client_offload = ALL_OFFLOADS,
        .bytes = 300 * KIB,
        .arguments = "--no-checksum-offload --no-segmentation-offload --no-coalescing",
    };
    transfer_seeds(&s, 2);
}

static void small_and_large_mtu(void **state)
{
    (void)state;
    const uint16_t mtus[] = {576, 1280, 9000, 65535};
    for (unsigned i = over_ipv6; i < MN_COUNT_OF(mtus); i++) { /* IPv6 needs 1280 */
        struct scenario s = {.path = {WAN, .loss_ppm = 30000}, .mtu = mtus[i], .bytes = 1024 * KIB};
        transfer_seeds(&s, 2);
    }
}

static void device_that_misbehaves(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN},
        .fault = {.drop_ppm = 10000,
                  .duplicate_ppm = 10000,
                  .reorder_ppm = 20000,
                  .corrupt_ppm = 10000,
                  .truncate_ppm = 10000,
                  .refuse_ppm = 50000},
        .bytes = 200 * KIB,
    };
    transfer_seeds(&s, 5);
    s.server_offload = s.client_offload = ALL_OFFLOADS;
    transfer_seeds(&s, 5);
}

static void same_seed_gives_same_frames(void **state)
{
    (void)state;
    struct scenario s = {
        .path = {WAN, .loss_ppm = 20000, .duplicate_ppm = 10000, .reorder_ppm = 20000, .reorder_ns = MNET_MILLISECOND},
        .bytes = 200 * KIB,
    };
    uint64_t first, second;
    uint64_t hash = transfer(&s, 7, &first);
    assert_true(hash == transfer(&s, 7, &second));
    assert_true(first == second);
    assert_true(hash != transfer(&s, 8, NULL));
}

int main(void)
{
    const char *family = getenv("TCP_TEST_FAMILY");
    over_ipv6 = family != NULL && strcmp(family, "ipv6") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_wire),
        cmocka_unit_test(one_end_reads_late),
        cmocka_unit_test(narrow_link_with_short_queue),
        cmocka_unit_test(loss_of_one_to_five_percent),
        cmocka_unit_test(loss_in_bursts),
        cmocka_unit_test(reordering),
        cmocka_unit_test(duplication),
        cmocka_unit_test(corruption),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(everything_at_once_with_offloads),
        cmocka_unit_test(offloads_of_both_ends_or_one),
        cmocka_unit_test(offloads_and_coalescing_switched_off),
        cmocka_unit_test(small_and_large_mtu),
        cmocka_unit_test(device_that_misbehaves),
        cmocka_unit_test(same_seed_gives_same_frames),
    };
    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
