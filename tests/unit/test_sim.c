/* The simulated network: effects of paths on frames, delivery, tasks in virtual time, and runs that
 * depend on the seed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"
#include "tests/support/frame.h"

#define START MNET_SECOND
#define MS MNET_MILLISECOND

static struct mnet_sim *sim;
static struct mnet_sim_host *a, *b, *c;
static bool ipv6; /* the family of a frame that is made by hand */

static int set_up(void **state)
{
    (void)state;
    sim = mnet_sim_create(1);
    assert_non_null(sim);
    a = mnet_sim_host(sim, "a", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.1/24"});
    b = mnet_sim_host(sim, "b", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.2/24"});
    c = mnet_sim_host(sim, "c", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.3/24"});
    assert_true(a != NULL && b != NULL && c != NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mnet_sim_destroy(sim);
    ipv6 = false;
    return 0;
}

/* ---- By hand ---- */

/* Sends `len` bytes that begin with a broadcast address and `number`. */
static bool send_numbered(struct mnet_sim_host *host, uint8_t number, size_t len)
{
    uint8_t frame[2000];
    memset(frame, number, sizeof frame);
    memset(frame, 0xff, 6);
    return mnet_sim_send(host, frame, len);
}

/* Takes one frame that has arrived. Returns its number, or -1 if there is none. */
static int take(struct mnet_sim_host *host)
{
    uint8_t frame[2000];
    size_t len = mnet_sim_receive(host, frame, sizeof frame);
    return len == 0 ? -1 : frame[6];
}

static unsigned take_all(struct mnet_sim_host *host)
{
    unsigned count = 0;
    while (take(host) >= 0)
        count++;
    return count;
}

/* Lets time pass until no frame is on its way. */
static void settle(void)
{
    uint64_t until = mnet_sim_now(sim) + 100 * MNET_SECOND;
    while (mnet_sim_advance(sim, until) < until)
        ;
}

static void perfect_wire_delivers_at_once(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, NULL));
    assert_true(send_numbered(a, 1, 60));
    assert_true(send_numbered(a, 2, 60));
    assert_int_equal(take(b), 1);
    assert_int_equal(take(b), 2);
    assert_int_equal(take(b), -1);
    assert_int_equal(take(a), -1);
    assert_int_equal(mnet_sim_now(sim), START);
}

static void delay_and_bandwidth_take_their_time(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.bandwidth_bps = 8000000, .delay_ns = 5 * MS}));
    assert_true(send_numbered(a, 1, 1000)); /* a byte takes a microsecond */
    assert_true(send_numbered(a, 2, 500));
    assert_int_equal(take(b), -1);
    assert_int_equal(mnet_sim_advance(sim, MNET_NEVER), START + 6 * MS);
    assert_int_equal(take(b), 1);
    assert_int_equal(take(b), -1);
    assert_int_equal(mnet_sim_advance(sim, MNET_NEVER), START + 6 * MS + MS / 2);
    assert_int_equal(take(b), 2);
    /* The other direction has a bandwidth of its own. */
    assert_true(send_numbered(b, 3, 1000));
    assert_int_equal(mnet_sim_advance(sim, START + 7 * MS), START + 7 * MS);
    assert_int_equal(mnet_sim_advance(sim, MNET_NEVER), START + 12 * MS + MS / 2);
    assert_int_equal(take(a), 3);
}

static void full_queue_loses_the_tail(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.bandwidth_bps = 8000000, .queue_bytes = 5000}));
    for (uint8_t i = 0; i < 20; i++)
        assert_true(send_numbered(a, i, 1000));
    assert_int_equal(mnet_sim_counts(a, MNET_SIM_SENDING).overflowed, 15);
    settle();
    for (int i = 0; i < 5; i++)
        assert_int_equal(take(b), i);
    assert_int_equal(take(b), -1);
    assert_true(send_numbered(a, 9, 1000)); /* room again */
    settle();
    assert_int_equal(take(b), 9);
}

static void path_without_queue_limit_refuses_at_the_sender(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.bandwidth_bps = 8000000}));
    unsigned sent = 0;
    while (sent < 1000 && send_numbered(a, 1, 1000))
        sent++;
    assert_int_equal(sent, 263);
    mnet_sim_advance(sim, MNET_NEVER);
    assert_true(send_numbered(a, 1, 1000));
    settle();
    assert_int_equal(take_all(b), 264);
}

static void loss_is_as_frequent_as_asked(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.loss_ppm = 50000}));
    for (int i = 0; i < 10000; i++)
        assert_true(send_numbered(a, 1, 60));
    unsigned arrived = take_all(b);
    assert_in_range(arrived, 9400, 9600);
    assert_int_equal(mnet_sim_counts(a, MNET_SIM_SENDING).lost, 10000 - arrived);
    assert_int_equal(mnet_sim_counts(a, MNET_SIM_SENDING).sent, 10000);
}

static void burst_loss_comes_in_bursts(void **state)
{
    (void)state;
    struct mnet_sim_path path = {.burst_enter_ppm = 10000, .burst_leave_ppm = 100000, .burst_loss_ppm = 1000000};
    assert_true(mnet_sim_link(sim, a, b, &path));
    unsigned lost = 0, bursts = 0;
    bool before = false;
    for (int i = 0; i < 20000; i++) {
        assert_true(send_numbered(a, 1, 60));
        bool now = take(b) < 0;
        lost += now;
        bursts += now && !before;
        before = now;
    }
    /* A burst lasts ten frames on average, and begins after a hundred. */
    assert_in_range(lost, 20000 * 7 / 100, 20000 * 11 / 100);
    assert_in_range(lost / bursts, 7, 13);
}

static void duplicates_arrive_twice(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.duplicate_ppm = 1000000, .delay_ns = MS}));
    assert_true(send_numbered(a, 7, 60));
    settle();
    assert_int_equal(take(b), 7);
    assert_int_equal(take(b), 7);
    assert_int_equal(take(b), -1);
}

static void corruption_flips_one_bit(void **state)
{
    (void)state;
    uint8_t sent[60], got[60];
    test_fill(sent, sizeof sent, 0);
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.corrupt_ppm = 1000000}));
    for (int i = 0; i < 100; i++) {
        assert_true(mnet_sim_send(a, sent, sizeof sent));
        assert_int_equal(mnet_sim_receive(b, got, sizeof got), sizeof sent);
        unsigned bits = 0;
        for (size_t j = 0; j < sizeof sent; j++)
            bits += (unsigned)__builtin_popcount((unsigned)(sent[j] ^ got[j]));
        assert_int_equal(bits, 1);
    }
}

static void jitter_keeps_order_and_reordering_does_not(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.delay_ns = MS, .jitter_ns = 10 * MS}));
    for (uint8_t i = 0; i < 100; i++)
        assert_true(send_numbered(a, i, 60));
    settle();
    for (int i = 0; i < 100; i++)
        assert_int_equal(take(b), i);

    mnet_sim_shape(a, MNET_SIM_SENDING,
                   &(struct mnet_sim_path){.bandwidth_bps = 8000000, .reorder_ppm = 100000, .reorder_ns = 3 * MS});
    for (uint8_t i = 0; i < 100; i++)
        assert_true(send_numbered(a, i, 1000));
    settle();
    int late = 0, highest = -1;
    for (int i = 0; i < 100; i++) {
        int number = take(b);
        late += number < highest;
        highest = MN_MAX(highest, number);
    }
    assert_in_range(late, 3, 20);
    assert_int_equal(mnet_sim_counts(a, MNET_SIM_SENDING).reordered, late);
}

static void path_mtu_swallows_larger_packets(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.mtu = 600}));
    assert_true(send_numbered(a, 1, 614));
    assert_true(send_numbered(a, 2, 615));
    assert_int_equal(take(b), 1);
    assert_int_equal(take(b), -1);
    assert_int_equal(mnet_sim_counts(a, MNET_SIM_SENDING).too_big, 1);
}

static void path_down_loses_until_up_again(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, NULL));
    mnet_sim_shape(a, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    assert_true(send_numbered(a, 1, 60));
    assert_true(send_numbered(b, 2, 60)); /* only one direction is down */
    mnet_sim_shape(a, MNET_SIM_SENDING, &(struct mnet_sim_path){0});
    assert_true(send_numbered(a, 3, 60));
    assert_int_equal(take(b), 3);
    assert_int_equal(take(a), 2);
}

static void segment_delivers_by_address(void **state)
{
    (void)state;
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    mnet_sim_attach(segment, a);
    mnet_sim_attach(segment, b);
    mnet_sim_attach(segment, c);
    mnet_sim_shape(c, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.delay_ns = MS});
    uint8_t frame[60] = {0};
    memcpy(frame, mnet_sim_device(b)->mac, 6);
    assert_true(mnet_sim_send(a, frame, sizeof frame));
    settle();
    assert_int_equal(take_all(b), 1);
    assert_int_equal(take_all(c), 0);
    memset(frame, 0xff, 6);
    assert_true(mnet_sim_send(a, frame, sizeof frame));
    assert_int_equal(take_all(c), 0); /* delayed by its own path */
    settle();
    assert_int_equal(take_all(b), 1);
    assert_int_equal(take_all(c), 1);
    assert_int_equal(take_all(a), 0);
    frame[0] = 0x02; /* an unknown address: to all hosts, like a switch that has not learnt it */
    assert_true(mnet_sim_send(a, frame, sizeof frame));
    settle();
    assert_int_equal(take_all(b) + take_all(c), 2);
}

static void runt_frames_reach_the_other(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, NULL));
    uint8_t frame[8];
    assert_true(mnet_sim_send(a, "abc", 3));
    assert_int_equal(mnet_sim_receive(b, frame, sizeof frame), 3);
    static uint8_t large[MNET_FRAME_MAX + 1];
    assert_true(mnet_sim_send(a, large, MNET_FRAME_MAX));
    assert_false(mnet_sim_send(a, large, MNET_FRAME_MAX + 1));
    assert_int_equal(mnet_sim_receive(b, frame, sizeof frame), MNET_FRAME_MAX);
}

static void host_without_link_sends_into_the_void(void **state)
{
    (void)state;
    assert_true(send_numbered(a, 1, 60));
    settle();
    assert_int_equal(take_all(b), 0);
}

static void note_error(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len)
{
    (void)text;
    assert_string_equal(mnet_sim_host_name(host), "d");
    assert_true(error && len > 0);
    (*(int *)context)++;
}

static void wrong_arguments_give_no_host(void **state)
{
    (void)state;
    int errors = 0;
    mnet_sim_console(sim, note_error, &errors);
    assert_null(mnet_sim_host(sim, "d", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.1/33"}));
    assert_in_range(errors, 1, 9);
    char text[MNET_SIM_ARGUMENTS + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_null(mnet_sim_host(sim, "d", &(struct mnet_sim_host_options){.arguments = text}));
}

/* ---- Offloads, with a device driven by hand, over both families ---- */

static int set_up_ipv6(void **state)
{
    ipv6 = true;
    return set_up(state);
}

static uint32_t segmentation(void)
{
    return MNET_OFFLOAD_CHECKSUM | (ipv6 ? MNET_OFFLOAD_TSO6 : MNET_OFFLOAD_TSO4);
}

/* The bytes of a frame's headers. */
static uint32_t headers(void)
{
    return test_headers(&(struct test_tcp){.ipv6 = ipv6});
}

static struct mnet_packet *large_packet(struct mnet_memory *memory)
{
    static uint8_t payload[20000];
    test_fill(payload, sizeof payload, 0);
    return test_large_frame(memory, &(struct test_tcp){.ipv6 = ipv6}, payload, sizeof payload, 7000, 1460);
}

/* Sends one large frame from a host whose device can cut. Returns the number of frames that arrive
 * at the other host, all intact; *total is the number of their bytes and *partial the number of
 * open checksums. */
static unsigned send_large(uint32_t receiver_offload, const struct mnet_sim_path *path, size_t *total,
                           unsigned *partial)
{
    struct mnet_sim_host *x = mnet_sim_host(sim, "x", &(struct mnet_sim_host_options){.tx_offload = segmentation()});
    struct mnet_sim_host *y = mnet_sim_host(sim, "y", &(struct mnet_sim_host_options){.rx_offload = receiver_offload});
    struct mnet_memory *memory = test_memory((size_t)4 << 20);
    struct mnet_device *device = mnet_sim_device(x), *peer = mnet_sim_device(y);
    assert_true(mnet_sim_link(sim, x, y, path));
    peer->memory = memory;
    struct mnet_packet *packet = large_packet(memory);
    assert_int_equal(device->ops->tx(device, &packet, 1), 1);
    settle();
    unsigned count = 0;
    *total = 0;
    *partial = 0;
    while (peer->ops->rx(peer, &packet, 1) == 1) {
        *total += packet->total;
        *partial += packet->checksum == MNET_CHECKSUM_PARTIAL;
        assert_true(packet->checksum == MNET_CHECKSUM_PARTIAL || test_frame_ok(packet));
        mnet_packet_free(packet);
        count++;
    }
    device->ops->close(device);
    peer->ops->close(peer);
    test_memory_free(memory);
    return count;
}

static void note_arrival(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                         const void *frame, size_t len)
{
    (void)host;
    (void)frame;
    (void)len;
    if (direction == MNET_SIM_RECEIVING)
        *(uint64_t *)context = now;
}

static void large_frame_passes_whole_where_both_agree(void **state)
{
    (void)state;
    size_t total;
    unsigned partial;
    uint32_t both = segmentation();
    assert_int_equal(
        send_large(both, &(struct mnet_sim_path){.bandwidth_bps = 1000000000, .delay_ns = MS}, &total, &partial), 1);
    assert_int_equal(total, 20000 + headers());
    assert_int_equal(partial, 1);
}

static void large_frame_is_cut_for_others(void **state)
{
    (void)state;
    size_t total;
    unsigned partial;
    assert_int_equal(send_large(MNET_OFFLOAD_CHECKSUM, NULL, &total, &partial), 14);
    assert_int_equal(total, 20000 + 14 * headers());
    assert_int_equal(partial, 14);
    assert_int_equal(send_large(0, NULL, &total, &partial), 14);
    assert_int_equal(partial, 0);
    uint32_t of_the_other_family = (MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6) & ~segmentation();
    assert_int_equal(send_large(MNET_OFFLOAD_CHECKSUM | of_the_other_family, NULL, &total, &partial), 14);
}

static void large_frame_is_cut_where_the_path_loses(void **state)
{
    (void)state;
    size_t total;
    unsigned partial;
    uint32_t both = segmentation();
    unsigned count = send_large(both, &(struct mnet_sim_path){.loss_ppm = 300000}, &total, &partial);
    assert_in_range(count, 4, 13);
    /* Corruption needs complete checksums, or nobody would notice it. */
    assert_int_equal(send_large(both, &(struct mnet_sim_path){.corrupt_ppm = 1}, &total, &partial), 14);
    assert_int_equal(partial, 0);
}

static void large_frame_takes_its_wire_time(void **state)
{
    (void)state;
    size_t total;
    unsigned partial;
    uint64_t arrival = 0;
    uint32_t both = segmentation();
    mnet_sim_watch(sim, note_arrival, &arrival);
    assert_int_equal(send_large(both, &(struct mnet_sim_path){.bandwidth_bps = 8000000}, &total, &partial), 1);
    assert_int_equal(arrival, START + (20000 + 14 * headers()) * MNET_MICROSECOND);
}

/* A host without its cable receives and sends nothing, and frames on their way are lost. Its device
 * reports the link as down. */
static void unplugged_host_hears_and_says_nothing(void **state)
{
    (void)state;
    assert_true(mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.delay_ns = MS}));
    assert_false(mnet_sim_device(b)->link_down);
    assert_true(send_numbered(a, 1, 100)); /* on its way when the cable is pulled */
    mnet_sim_plug(b, false);
    assert_true(mnet_sim_device(b)->link_down);
    assert_false(mnet_sim_device(a)->link_down);
    send_numbered(a, 2, 100);
    send_numbered(b, 3, 100);
    mnet_sim_advance(sim, START + 10 * MS);
    mnet_sim_advance(sim, START + 10 * MS);
    assert_int_equal(take(a), -1);
    assert_int_equal(take(b), -1);
    mnet_sim_plug(b, true);
    assert_false(mnet_sim_device(b)->link_down);
    send_numbered(a, 4, 100);
    send_numbered(b, 5, 100);
    mnet_sim_advance(sim, START + 20 * MS);
    mnet_sim_advance(sim, START + 20 * MS);
    assert_int_equal(take(b), 4);
    assert_int_equal(take(a), 5);
}

/* ---- Tasks ---- */

static int sleep_then_note(struct mnet_env *env, void *argument)
{
    (void)env;
    uint64_t *woken = argument;
    if (mnet_sleep(mnet_now() + 3600 * MNET_SECOND) != 0)
        return 1;
    *woken = mnet_now();
    return 0;
}

static void sleeping_an_hour_takes_no_time(void **state)
{
    (void)state;
    uint64_t woken = 0;
    mnet_sim_spawn(a, sleep_then_note, &woken);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    assert_int_equal(woken, START + 3600 * MNET_SECOND);
    assert_int_equal(mnet_sim_now(sim), woken);
}

static void run_ends_at_its_time(void **state)
{
    (void)state;
    uint64_t woken = 0;
    mnet_sim_spawn(a, sleep_then_note, &woken);
    assert_int_equal(mnet_sim_run(sim, START + 10 * MNET_SECOND), MNET_E_DEADLINE);
    assert_int_equal(mnet_sim_now(sim), START + 10 * MNET_SECOND);
    assert_int_equal(woken, 0);
}

static int wait_for_ever(struct mnet_env *env, void *argument)
{
    (void)env;
    int *ended = argument;
    struct mnet_mutex mutex = {0};
    struct mnet_condition never = {0};
    mnet_mutex_lock(&mutex, MNET_NEVER);
    *ended = mnet_condition_wait(&never, &mutex, MNET_NEVER);
    return 0;
}

static void run_ends_when_nothing_can_happen(void **state)
{
    (void)state;
    int ended = 0;
    mnet_sim_spawn(a, wait_for_ever, &ended);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), MNET_E_DEADLINE);
    assert_int_equal(ended, MNET_E_CANCELLED);
    assert_int_equal(mnet_sim_now(sim), START);
}

static void servers_end_with_the_last_client(void **state)
{
    (void)state;
    int ended = 0;
    uint64_t woken = 0;
    mnet_sim_serve(a, wait_for_ever, &ended);
    mnet_sim_spawn(b, sleep_then_note, &woken);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    assert_int_equal(ended, MNET_E_CANCELLED);
    assert_int_equal(woken, START + 3600 * MNET_SECOND);
}

static int fail_with(struct mnet_env *env, void *argument)
{
    (void)env;
    return *(int *)argument;
}

static void run_reports_the_first_failure(void **state)
{
    (void)state;
    int failure = MNET_E_REFUSED, success = 0;
    mnet_sim_spawn(a, fail_with, &success);
    mnet_sim_spawn(b, fail_with, &failure);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), MNET_E_REFUSED);
    mnet_sim_spawn(b, fail_with, &success);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
}

static int count_after_10_ms(void *argument)
{
    int error = mnet_sleep(mnet_now() + 10 * MS);
    ++*(int *)argument;
    return error;
}

/* A group that is a local of a host's program. Its members run when the program ends. */
static int exit_with_a_group(struct mnet_env *env, void *argument)
{
    (void)env;
    struct mnet_group group = {0};
    for (int i = 0; i < 4; i++)
        mnet_group_spawn(&group, count_after_10_ms, argument);
    mnet_sleep(mnet_now() + 1);
    mnet_exit(MNET_E_REFUSED);
}

static void program_that_exits_awaits_the_group_on_its_stack(void **state)
{
    (void)state;
    int ended = 0;
    mnet_sim_spawn(a, exit_with_a_group, &ended);
    assert_int_equal(mnet_sim_run(sim, 600 * MNET_SECOND), MNET_E_REFUSED);
    assert_int_equal(ended, 4);
    assert_true(mnet_sim_now(sim) < START + 10 * MS); /* cancelled, because it failed */
}

static int accept_and_stay(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_listen(stack, 80, NULL, &listener);
    if (error == 0)
        error = mnet_tcp_accept(listener, &flow, MNET_NEVER);
    return error == 0 ? mnet_sleep(MNET_NEVER) : error;
}

/* Much more data than a slow link carries in the time. */
static int send_much_and_stay(struct mnet_env *env, void *argument)
{
    static const char bytes[60000];
    (void)argument;
    struct mnet_stack *stack;
    struct mnet_flow *flow;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 1), 80, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    mnet_tcp_write(flow, bytes, sizeof bytes, NULL, MNET_NEVER);
    mnet_tcp_close(flow);
    return mnet_sleep(MNET_NEVER);
}

/* At the end of the simulation closed connections get the same time as at the end of any
 * program. */
static void run_cut_off_with_closed_flows_delivering_can_be_destroyed(void **state)
{
    (void)state;
    mnet_sim_link(sim, a, b, &(struct mnet_sim_path){.bandwidth_bps = 20000});
    mnet_sim_serve(a, accept_and_stay, NULL);
    mnet_sim_spawn(b, send_much_and_stay, NULL);
    assert_int_equal(mnet_sim_run(sim, 8 * MNET_SECOND), MNET_E_DEADLINE);
    assert_true(mnet_sim_now(sim) == 8 * MNET_SECOND);
}

static int spawn_another(struct mnet_env *env, void *argument)
{
    (void)env;
    mnet_sim_spawn(b, sleep_then_note, argument);
    return 0;
}

static void task_can_spawn_on_another_host(void **state)
{
    (void)state;
    uint64_t woken = 0;
    mnet_sim_spawn(a, spawn_another, &woken);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    assert_int_equal(woken, START + 3600 * MNET_SECOND);
}

/* ---- The same seed, the same bytes ---- */

#define DATAGRAMS 50

static int answer_datagrams(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_stack *stack;
    struct mnet_udp *udp;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_udp_open(stack, &(struct mnet_udp_options){.local.port = 7}, &udp);
    while (error == 0) {
        uint8_t bytes[2000];
        struct mnet_endpoint from;
        ptrdiff_t len = mnet_udp_receive(udp, bytes, sizeof bytes, &from, MNET_NEVER);
        error = len < 0 ? (int)len : mnet_udp_send(udp, &from, bytes, (size_t)len, MNET_NEVER);
    }
    return error;
}

static int ask_datagrams(struct mnet_env *env, void *argument)
{
    unsigned *answers = argument;
    struct mnet_stack *stack;
    struct mnet_udp *udp;
    struct mnet_endpoint to = {mnet_ipv4(10, 0, 0, 1), 7};
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = mnet_udp_open(stack, &(struct mnet_udp_options){.remote = to}, &udp);
    for (uint8_t i = 0; error == 0 && i < DATAGRAMS; i++) {
        uint8_t bytes[1000], back[1000];
        memset(bytes, i, sizeof bytes);
        error = mnet_udp_send(udp, NULL, bytes, sizeof bytes, MNET_NEVER);
        if (mnet_udp_receive(udp, back, sizeof back, NULL, mnet_now() + MNET_SECOND) == sizeof back)
            (*answers)++;
    }
    return error;
}

static void hash_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                       const void *frame, size_t len)
{
    uint64_t *hash = context;
    const uint8_t *bytes = frame;
    *hash = (*hash ^ now ^ (uint64_t)direction << 60 ^ (uint64_t)mnet_sim_host_name(host)[0] << 50) * 0x100000001b3;
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ bytes[i]) * 0x100000001b3;
}

/* Returns the hash of all frames of a conversation over a bad link, with their times. */
static uint64_t converse(uint64_t seed, unsigned *answers)
{
    uint64_t hash = 0xcbf29ce484222325;
    struct mnet_sim *own = mnet_sim_create(seed);
    struct mnet_sim_host *server = mnet_sim_host(own, "s",
                                                 &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.1/24"});
    struct mnet_sim_host *client = mnet_sim_host(own, "c",
                                                 &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.2/24"});
    struct mnet_sim_path path = {
        .bandwidth_bps = 1000000,
        .delay_ns = 7 * MS,
        .jitter_ns = 3 * MS,
        .loss_ppm = 50000,
        .duplicate_ppm = 50000,
        .corrupt_ppm = 50000,
    };
    assert_true(mnet_sim_link(own, server, client, &path));
    mnet_sim_watch(own, hash_frame, &hash);
    *answers = 0;
    mnet_sim_serve(server, answer_datagrams, NULL);
    mnet_sim_spawn(client, ask_datagrams, answers);
    assert_int_equal(mnet_sim_run(own, 1000 * MNET_SECOND), 0);
    mnet_sim_destroy(own);
    return hash;
}

static void same_seed_gives_same_frames(void **state)
{
    (void)state;
    unsigned first, second, other;
    uint64_t hash = converse(5, &first);
    assert_true(hash == converse(5, &second));
    assert_int_equal(first, second);
    assert_true(hash != converse(6, &other));
    assert_in_range(first, DATAGRAMS / 2, DATAGRAMS);
}

/* ---- The pipe ---- */

static void pipe_copies_into_the_peer_memory_and_refuses_when_full(void **state)
{
    (void)state;
    struct mnet_device *ends[2];
    struct mnet_memory *one = test_memory((size_t)4 << 20), *two = test_memory((size_t)4 << 20);
    assert_true(mnet_sim_pipe(ends, NULL));
    ends[0]->memory = one;
    ends[1]->memory = two;
    unsigned sent = 0;
    for (;;) {
        struct mnet_packet *frame = test_tcp_frame(one, &(struct test_tcp){.seq = sent}, "abc", 3);
        if (ends[0]->ops->tx(ends[0], &frame, 1) == 0) {
            mnet_packet_free(frame);
            break;
        }
        sent++;
    }
    assert_int_equal(sent, 256);
    struct mnet_packet *frame;
    assert_int_equal(ends[1]->ops->rx(ends[1], &frame, 1), 1);
    assert_ptr_equal(frame->memory, two);
    assert_true(test_frame_ok(frame));
    mnet_packet_free(frame);
    ends[1]->ops->close(ends[1]);
    frame = test_tcp_frame(one, &(struct test_tcp){.seq = 1}, "abc", 3);
    assert_int_equal(ends[0]->ops->tx(ends[0], &frame, 1), 1); /* there is no receiver */
    ends[0]->ops->close(ends[0]);
    test_memory_free(one);
    test_memory_free(two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define BOTH(name) TEST(name), cmocka_unit_test_setup_teardown(name, set_up_ipv6, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(perfect_wire_delivers_at_once),
        TEST(delay_and_bandwidth_take_their_time),
        TEST(full_queue_loses_the_tail),
        TEST(path_without_queue_limit_refuses_at_the_sender),
        TEST(loss_is_as_frequent_as_asked),
        TEST(burst_loss_comes_in_bursts),
        TEST(duplicates_arrive_twice),
        TEST(corruption_flips_one_bit),
        TEST(jitter_keeps_order_and_reordering_does_not),
        TEST(path_mtu_swallows_larger_packets),
        TEST(path_down_loses_until_up_again),
        TEST(unplugged_host_hears_and_says_nothing),
        TEST(segment_delivers_by_address),
        TEST(runt_frames_reach_the_other),
        TEST(host_without_link_sends_into_the_void),
        TEST(wrong_arguments_give_no_host),
        BOTH(large_frame_passes_whole_where_both_agree),
        BOTH(large_frame_is_cut_for_others),
        BOTH(large_frame_is_cut_where_the_path_loses),
        BOTH(large_frame_takes_its_wire_time),
        TEST(sleeping_an_hour_takes_no_time),
        TEST(run_ends_at_its_time),
        TEST(run_ends_when_nothing_can_happen),
        TEST(servers_end_with_the_last_client),
        TEST(run_reports_the_first_failure),
        TEST(program_that_exits_awaits_the_group_on_its_stack),
        TEST(run_cut_off_with_closed_flows_delivering_can_be_destroyed),
        TEST(task_can_spawn_on_another_host),
        TEST(same_seed_gives_same_frames),
        TEST(pipe_copies_into_the_peer_memory_and_refuses_when_full),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
