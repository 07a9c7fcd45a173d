/* The engine as a whole: creation and end, tcbs, what waits to be sent, what waits to be told. */
#include "tcp/tcb.h"

/* What was received may pin half of the memory. */
#define RECEIVE_SHARE 2
/* So many may have to give way to a new connection. */
#define YIELDS 8u

static uint32_t table_size(const struct mn_tcp_config *config)
{
    uint64_t records = (uint64_t)config->connections_max + config->half_open_max + config->time_wait_max;
    uint64_t affordable = mnet_memory_budget(config->memory) / 64 /
                          sizeof(struct mn_conn *); /* at most 1/64 of the memory */
    uint32_t size = 256;
    while (size < records && 2 * (uint64_t)size <= affordable && size < 1u << 20)
        size *= 2;
    return size;
}

static void init_pools(struct mn_tcp *tcp, const struct mn_tcp_config *c)
{
    struct mnet_memory *memory = c->memory;
    mn_pool_init(&tcp->tcbs, memory, "tcb", sizeof(struct mn_tcb), SIZE_MAX);
    mn_pool_init(&tcp->half_opens, memory, "half-open", sizeof(struct mn_half_open), c->half_open_max);
    mn_pool_init(&tcp->time_waits, memory, "time-wait", sizeof(struct mn_time_wait_block), SIZE_MAX);
    mn_pool_init(&tcp->listener_pool, memory, "listener", sizeof(struct mn_listener), c->listeners_max);
    mn_pool_init(&tcp->pieces, memory, "send piece", sizeof(struct mn_send_piece), SIZE_MAX);
    mn_pool_init(&tcp->runs, memory, "reassembly run", sizeof(struct mn_run), SIZE_MAX);
    mn_pool_init(&tcp->reassemblies, memory, "reassembly", sizeof(struct mn_tcp_reassembly), SIZE_MAX);
    mn_pool_init(&tcp->rates, memory, "delivery rate", sizeof(struct mn_rate), SIZE_MAX);
    mn_pool_init(&tcp->plpmtus, memory, "path MTU search", sizeof(struct mn_plpmtu), SIZE_MAX);
    mn_scoreboard_pools_init(&tcp->scoreboards, memory);
}

struct mn_tcp *mn_tcp_create(const struct mn_tcp_config *config)
{
    struct mn_tcp *tcp = mn_memory_table(config->memory, sizeof *tcp);
    uint32_t buckets = table_size(config);
    if (tcp == NULL)
        return NULL;
    tcp->buckets = mn_memory_table(config->memory, buckets * sizeof *tcp->buckets);
    if (tcp->buckets == NULL)
        return NULL;
    tcp->config = *config;
    tcp->bucket_mask = buckets - 1;
    mn_random_bytes(config->random, &tcp->table_key, sizeof tcp->table_key);
    mn_random_bytes(config->random, &tcp->isn_key, sizeof tcp->isn_key);
    mn_random_bytes(config->random, &tcp->timestamp_key, sizeof tcp->timestamp_key);
    mn_wheel_init(&tcp->wheel, config->now);
    init_pools(tcp, config);
    tcp->receive_budget = mnet_memory_budget(config->memory) / RECEIVE_SHARE;
    return tcp;
}

/* --- tcbs --- */

struct mn_tcb *mn_tcb_new(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t now)
{
    if (tcp->established >= tcp->config.connections_max && !mn_orphan_evict(tcp, NULL, now)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_LIMIT);
        return NULL;
    }
    struct mn_tcb *tcb = mn_pool_alloc_zeroed(&tcp->tcbs, MN_CLAIM_SEND);
    for (unsigned i = 0; tcb == NULL && i < YIELDS && mn_pressure_yield(tcp, NULL, now); i++)
        tcb = mn_pool_alloc_zeroed(&tcp->tcbs, MN_CLAIM_SEND);
    if (tcb == NULL)
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_MEMORY);
    if (tcb == NULL)
        return NULL;
    tcb->conn = (struct mn_conn){.local = local, .remote = remote, .kind = MN_CONN_TCB};
    tcb->timer.kind = MN_TIMER_TCB;
    mn_tcb_stop_timers(tcp, tcb);
    tcb->congestion.ops = mn_congestion_of(tcp->config.congestion);
    tcb->path_mtu = tcp->config.mtu;
    tcb->rcv_target = mn_window_initial(tcp, &remote);
    tcb->rcv_mss = 536; /* until a segment shows better */
    tcb->progress_ns = tcb->moved_ns = tcb->autotune.since_ns = now;
    mn_hog_init(&tcb->hog);
    mn_rtt_init(&tcb->rtt);
    mn_list_append(&tcp->tcb_list, &tcb->all);
    return tcb;
}

void mn_tcb_drop_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->reassembly == NULL)
        return;
    size_t before = tcb->reassembly->pinned;
    mn_tcp_reassembly_clear(tcb->reassembly, &tcp->runs);
    mn_pressure_early(tcp, tcb, before);
    mn_pool_free(&tcp->reassemblies, tcb->reassembly);
    tcb->reassembly = NULL;
}

void mn_tcb_free(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_ASSERT(!tcb->conn.hashed);
    if (tcb->queued)
        tcb->listener->queued--;
    mn_list_remove(&tcb->all);
    mn_list_remove(&tcb->output);
    mn_list_remove(&tcb->event);
    mn_sendq_clear(&tcb->sendq, &tcp->pieces);
    mn_scoreboard_clear(&tcb->loss.sent, &tcp->scoreboards);
    mn_recvq_clear(&tcb->recvq);
    mn_tcb_drop_reassembly(tcp, tcb);
    mn_hog_remove(&tcb->hog);
    mn_pressure_settle(tcp, tcb);
    mn_pool_free(&tcp->tcbs, tcb);
}

/* RFC 6691: an MSS counts no options, so what they take is taken off the text. */
static uint32_t options_len(const struct mn_tcb *tcb)
{
    return tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS ? MN_TCP_TIMESTAMPS_PADDED : 0;
}

uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb)
{
    uint32_t ip_header = mnet_address_is_ipv4(tcb->conn.remote.address) ? 20 : 40;
    return tcb->path_mtu - ip_header - MN_TCP_HEADER - options_len(tcb); /* MUST-16 */
}

void mn_tcb_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss)
{
    bool ipv4 = mnet_address_is_ipv4(tcb->conn.remote.address);
    uint32_t peer = peer_mss != 0 ? peer_mss : ipv4 ? 536 : 1220; /* MUST-15 */
    peer = MN_MAX(peer, MN_MSS_MINIMUM + options_len(tcb)) - options_len(tcb);
    tcb->snd_mss = (uint16_t)MN_MIN(peer, mn_tcb_path_mss(tcb));
    mn_congestion_init(&tcb->congestion, tcb->congestion.ops, tcb->snd_mss);
}

void mn_tcb_start_sending(struct mn_tcb *tcb)
{
    tcb->snd_una = tcb->snd_nxt = tcb->snd_small = tcb->limited_seq = tcb->iss;
    tcb->snd_up = tcb->iss;
    mn_sendq_init(&tcb->sendq, tcb->iss + 1);
    mn_loss_init(&tcb->loss, tcb->iss);
}

/* --- out --- */

MN_APART void mn_tcb_wants_output(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_LIKELY(!mn_list_linked(&tcb->output)))
        mn_list_append(&tcp->output, &tcb->output);
}

static MN_APART struct mnet_packet *half_open_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mn_half_open *half = MN_CONTAINER(mn_list_first(&tcp->half_open_output), struct mn_half_open, output);
    struct mnet_packet *packet = mn_half_open_output(tcp, half, datagram, now);
    if (packet != NULL)
        mn_list_remove(&half->output);
    return packet;
}

/* Connections take turns, one packet each; one with nothing to send leaves the queue until something happens to it. One that
 * finds no memory stays in it. */
static struct mnet_packet *tcbs_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_link *link;
    while ((link = mn_list_take(&tcp->output)) != NULL) {
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, output);
        struct mnet_packet *packet = mn_tcb_output(tcp, tcb, datagram, now);
        if (packet != NULL) {
            if (mn_tcb_may_send(tcb))
                mn_tcb_wants_output(tcp, tcb);
            return packet;
        }
        if (MN_UNLIKELY(tcp->starved)) {
            tcp->starved = false;
            mn_tcb_wants_output(tcp, tcb);
            break;
        }
    }
    return NULL;
}

/* What belongs to no tcb. Without memory it waits, and so does everything else. */
static MN_APART struct mnet_packet *others_output(struct mn_tcp *tcp, struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_packet *packet = NULL;
    if (tcp->reply_count > 0)
        packet = mn_reply_output(tcp, datagram);
    else if (!mn_list_empty(&tcp->half_open_output))
        packet = half_open_output(tcp, datagram, now);
    tcp->starved = false;
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

/* --- events --- */

MN_APART void mn_tcb_event(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_LIKELY(!tcb->orphan && !tcb->queued && !mn_list_linked(&tcb->event)))
        mn_list_append(&tcp->events, &tcb->event);
}

struct mn_tcb *mn_tcp_next_event(struct mn_tcp *tcp)
{
    struct mnet_link *link = mn_list_take(&tcp->events);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_tcb, event);
}

struct mn_listener *mn_tcp_next_listener_event(struct mn_tcp *tcp)
{
    struct mnet_link *link = mn_list_take(&tcp->listener_events);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_listener, event);
}

/* --- the end --- */

void mn_tcp_down(struct mn_tcp *tcp, uint64_t now)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&tcp->listener_list)) != NULL)
        mn_tcp_unlisten(tcp, MN_CONTAINER(link, struct mn_listener, link), now);
    struct mnet_link *next;
    for (link = mn_list_first(&tcp->tcb_list); link != NULL && link != &tcp->tcb_list; link = next) {
        next = link->next; /* an orphan is freed at once */
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, all);
        if (tcb->state != MN_CLOSED)
            mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, now);
    }
}

void mn_tcp_destroy(struct mn_tcp *tcp)
{
    struct mnet_link *link;
    mn_tcp_down(tcp, tcp->config.now);
    while ((link = mn_list_first(&tcp->tcb_list)) != NULL)
        mn_tcb_free(tcp, MN_CONTAINER(link, struct mn_tcb, all));
    while ((link = mn_list_first(&tcp->half_open_list)) != NULL)
        mn_half_open_free(tcp, MN_CONTAINER(link, struct mn_half_open, link));
    mn_time_wait_clear(tcp);
}

struct mn_tcp_usage mn_tcp_usage(const struct mn_tcp *tcp)
{
    return (struct mn_tcp_usage){.tcbs = (unsigned)tcp->tcbs.in_use,
                                 .established = tcp->established,
                                 .orphans = tcp->orphans,
                                 .half_open = (unsigned)tcp->half_opens.in_use,
                                 .time_wait = tcp->time_waiting,
                                 .listeners = (unsigned)tcp->listener_pool.in_use};
}
