/* The engine as a whole: creation and end, and the order in which connections send. */
#include "tcp/tcp.h"
#include "base/check.h"
#include "tcp/check.h"
#include "tcp/end.h"
#include "tcp/output.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/idle.h"
#include "tcp/records/reply.h"
#include "tcp/records/time_wait.h"
#include "tcp/tcb.h"
#include "tcp/trace.h"

/* Received data may pin one part in so many of the memory. */
#define RECEIVE_SHARE 2

static uint32_t table_size(const struct mn_tcp_config *config)
{
    const struct mnet_tcp_config *user = &config->user;
    uint64_t records = (uint64_t)user->connections_max + user->half_open_max + user->time_wait_max;
    uint64_t affordable = mnet_memory_budget(config->memory) / 64 /
                          sizeof(struct mn_conn *); /* at most 1/64 of the memory */
    uint32_t size = 256;
    while (size < records && 2 * (uint64_t)size <= affordable && size < 1u << 20)
        size *= 2;
    return size;
}

/* One bucket for each listener that there may be, or for each port. */
static uint32_t listener_table_size(const struct mn_tcp_config *config)
{
    uint32_t size = 16;
    while (size < config->user.listeners_max && size < 1u << 16)
        size *= 2;
    return size;
}

static void init_pools(struct mn_tcp *tcp, const struct mn_tcp_config *c)
{
    struct mnet_memory *memory = c->memory;
    mn_pool_init(&tcp->tcbs, memory, "tcb", sizeof(struct mn_tcb), SIZE_MAX);
    mn_pool_init(&tcp->half_opens, memory, "half-open", sizeof(struct mn_half_open), c->user.half_open_max);
    mn_pool_init(&tcp->idles, memory, "idle", sizeof(struct mn_idle), SIZE_MAX);
    mn_pool_init(&tcp->time_waits, memory, "time-wait", sizeof(struct mn_time_wait_block), SIZE_MAX);
    mn_pool_init(&tcp->listener_pool, memory, "listener", sizeof(struct mn_listener), c->user.listeners_max);
    mn_pool_init(&tcp->pieces, memory, "send piece", sizeof(struct mn_send_piece), SIZE_MAX);
    mn_pool_init(&tcp->runs, memory, "reassembly run", sizeof(struct mn_run), SIZE_MAX);
    mn_pool_init(&tcp->reassemblies, memory, "reassembly", sizeof(struct mn_tcp_reassembly), SIZE_MAX);
    mn_pool_init(&tcp->rates, memory, "delivery rate", sizeof(struct mn_rate), SIZE_MAX);
    mn_pool_init(&tcp->plpmtus, memory, "path MTU search", sizeof(struct mn_plpmtu), SIZE_MAX);
    mn_pool_init(&tcp->limits, memory, "limits", sizeof(struct mn_tcb_limits), SIZE_MAX);
    mn_scoreboard_pools_init(&tcp->scoreboards, memory);
}

struct mn_tcp *mn_tcp_create(const struct mn_tcp_config *config)
{
    struct mn_tcp *tcp = mn_memory_table(config->memory, sizeof *tcp);
    uint32_t buckets = table_size(config);
    if (tcp == NULL)
        return NULL;
    uint32_t ports = listener_table_size(config);
    tcp->buckets = mn_memory_table(config->memory, buckets * sizeof *tcp->buckets);
    tcp->listener_buckets = mn_memory_table(config->memory, ports * sizeof *tcp->listener_buckets);
    if (tcp->buckets == NULL || tcp->listener_buckets == NULL)
        return NULL;
    tcp->config = *config;
    tcp->never_calm = config->trace_segment != NULL;
    tcp->offer = mn_tcp_option_set(!config->user.no_timestamps, !config->user.no_sack, !config->user.no_window_scale);
    tcp->bucket_mask = buckets - 1;
    tcp->listener_mask = ports - 1;
    mn_random_bytes(config->random, &tcp->table_key, sizeof tcp->table_key);
    mn_random_bytes(config->random, &tcp->isn_key, sizeof tcp->isn_key);
    mn_wheel_init(&tcp->wheel, config->now);
    init_pools(tcp, config);
    tcp->receive_budget = mnet_memory_budget(config->memory) / RECEIVE_SHARE;
    return tcp;
}

/* --- Output --- */

static MN_APART struct mnet_packet *half_open_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mn_half_open *half = MN_CONTAINER(mn_list_first(&tcp->half_open_output), struct mn_half_open, output);
    struct mnet_packet *packet = mn_half_open_output(tcp, half, datagram, now);
    if (packet != NULL)
        mn_list_remove(&half->output);
    return packet;
}

/* Connections take turns, one packet each. A connection with nothing to send leaves the queue until
 * an event. A connection that finds no memory stays in it. */
static struct mnet_packet *tcbs_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_link *link;
    while ((link = mn_list_take(&tcp->output)) != NULL) {
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, output);
        struct mnet_packet *packet = mn_tcb_output(tcp, tcb, datagram, now);
        bool starved = packet == NULL && MN_UNLIKELY(tcp->starved);
        if (starved || (packet != NULL && mn_tcb_may_send(tcb)))
            mn_tcb_queue_output(tcp, tcb);
        MN_CHECK(mn_tcb_check(tcp, tcb));
        if (starved)
            tcp->starved = false;
        if (starved || packet != NULL)
            return packet;
    }
    return NULL;
}

/* Sends segments without a tcb. Without memory they wait, and so does everything else. */
static MN_APART struct mnet_packet *others_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_packet *packet = NULL;
    if (tcp->reply_count > 0)
        packet = mn_reply_output(tcp, datagram);
    else if (!mn_list_empty(&tcp->half_open_output))
        packet = half_open_output(tcp, datagram, now);
    tcp->starved = false;
    if (tcp->config.trace_segment != NULL && packet != NULL)
        mn_trace_sent(tcp, datagram, packet);
    return packet;
}

struct mnet_packet *mn_tcp_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    if (MN_UNLIKELY(tcp->reply_count > 0 || !mn_list_empty(&tcp->half_open_output)))
        return others_output(tcp, datagram, now);
    return tcbs_output(tcp, datagram, now);
}

bool mn_tcp_wants_output(const struct mn_tcp *tcp)
{
    return !mn_list_empty(&tcp->output) || tcp->reply_count > 0 || !mn_list_empty(&tcp->half_open_output);
}

/* --- the end --- */

void mn_tcp_end_all(struct mn_tcp *tcp, uint64_t now)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&tcp->listener_list)) != NULL)
        mn_tcp_unlisten(tcp, MN_CONTAINER(link, struct mn_listener, link), now);
    struct mnet_link *next;
    for (link = mn_list_first(&tcp->tcb_list); link != NULL && link != &tcp->tcb_list; link = next) {
        next = link->next; /* an orphan is freed at once */
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, rare.all);
        if (tcb->state != MN_CLOSED)
            mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, now);
    }
    mn_idle_reset_all(tcp, MNET_E_CLOSED, now);
}

void mn_tcp_destroy(struct mn_tcp *tcp)
{
    struct mnet_link *link;
    mn_tcp_end_all(tcp, tcp->config.now);
    while ((link = mn_list_first(&tcp->tcb_list)) != NULL)
        mn_tcb_free(tcp, MN_CONTAINER(link, struct mn_tcb, rare.all));
    while ((link = mn_list_first(&tcp->half_open_list)) != NULL)
        mn_half_open_free(tcp, MN_CONTAINER(link, struct mn_half_open, link));
    mn_idle_clear(tcp);
    mn_time_wait_clear(tcp);
}

struct mn_tcp_usage mn_tcp_usage(const struct mn_tcp *tcp)
{
    return (struct mn_tcp_usage){.tcbs = (unsigned)tcp->tcbs.in_use,
                                 .established = tcp->established,
                                 .orphans = tcp->orphans,
                                 .half_open = (unsigned)tcp->half_opens.in_use,
                                 .time_wait = tcp->time_waiting,
                                 .listeners = (unsigned)tcp->listener_pool.in_use,
                                 .idle = (unsigned)tcp->idles.in_use};
}
