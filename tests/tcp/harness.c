#include "tests/tcp/harness.h"

#include "tcp/records/table.h"
#include "tcp/state.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/support/tcp_check.h"
#include "tests/tcp/region.h"

#define START (1000 * MNET_SECOND)
#define OUTPUT_MAX 200000u

_Noreturn static void stop(const char *file, int at)
{
    _fail(file, at);
    abort();
}

/* --- Memory that runs out: the linker replaces the allocator's functions by these --- */

static struct {
    const struct mnet_memory *memory;
    uint64_t seen, after, count;
    bool off;
} short_of;

void *__real_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *__real_mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim);
void *__wrap_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *__wrap_mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim);

static bool refused(const struct mn_pool *pool)
{
    if (pool->memory != short_of.memory || short_of.off)
        return false;
    uint64_t number = short_of.seen++;
    return number >= short_of.after && number - short_of.after < short_of.count;
}

void *__wrap_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim)
{
    return refused(pool) ? NULL : __real_mn_pool_alloc(pool, claim);
}

void *__wrap_mn_pool_alloc_zeroed(struct mn_pool *pool, enum mn_claim claim)
{
    return refused(pool) ? NULL : __real_mn_pool_alloc_zeroed(pool, claim);
}

uint64_t famine(struct tcp_test *t, uint64_t after, uint64_t count)
{
    uint64_t seen = short_of.seen;
    short_of.memory = t->memory;
    short_of.seen = 0;
    short_of.after = after;
    short_of.count = count;
    return seen;
}

/* --- An engine --- */

/* Formats every line. TCP_TEST_LOG in the environment shows them. */
static void log_line(void *context, enum mnet_log_level level, const char *text)
{
    (void)context;
    (void)level;
    if (getenv("TCP_TEST_LOG") != NULL)
        print_message("%s\n", text);
}

static const struct mnet_log test_log = {.write = log_line, .level = MNET_LOG_DEBUG};

static struct mn_tcp_config config_of(const struct tcp_setup *s)
{
    struct tcp_test *t = s->t;
    return (struct mn_tcp_config){
        .memory = t->memory,
        .counters = &t->counters,
        .log = &test_log,
        .random = &t->random,
        .paths = &t->paths,
        .gso_max = s->gso_max,
        .user.connections_max = s->connections_max,
        .user.orphans_max = s->orphans_max,
        .user.half_open_max = s->half_open_max,
        .user.time_wait_max = s->time_wait_max,
        .user.listeners_max = 16,
        .user.send_buffer = s->send_buffer,
        .user.receive_buffer = s->receive_buffer,
        .user.msl_ns = 30 * MNET_SECOND,
        .user.orphan_ns = 60 * MNET_SECOND,
        .user.user_timeout_ns = s->user_timeout_ns,
        .user.user_timeout_option = s->user_timeout_option,
        .user.no_delay = s->no_delay,
        .user.no_syn_cookies = s->no_syn_cookies,
        .user.no_plpmtud = s->no_plpmtud,
        .user.no_shedding = s->no_shedding,
        .user.no_timestamps = !(s->offer & MN_TCP_OPTION_TIMESTAMPS),
        .user.no_sack = s->no_sack || !(s->offer & MN_TCP_OPTION_SACK_PERMITTED),
        .user.no_window_scale = !(s->offer & MN_TCP_OPTION_WINDOW_SCALE),
        .user.congestion = s->congestion,
        .user.ecn = s->ecn,
        .now = t->now,
    };
}

/* The clock of RFC 9293 3.4.1 ticks every 4 us: waits until it gives the wanted ISS. */
static void wait_for_iss(struct tcp_test *t, uint32_t iss)
{
    for (int i = 0; i < 4; i++) {
        uint32_t missing = iss - mn_tcp_choose_beginning(t->tcp, &t->local, &t->remote, t->now).isn;
        if (missing == 0)
            return;
        wait_ns(t, (uint64_t)missing * 4000);
    }
    fail_msg("the initial sequence number does not follow a clock of 4 us");
}

static bool short_ways = true, records_at_rest = true;

void tcp_set_short_ways(bool taken)
{
    short_ways = taken;
}

void tcp_set_records_at_rest(bool made)
{
    records_at_rest = made;
}

void tcp_setup(struct tcp_setup s)
{
    struct tcp_test *t = s.t;
    *t = (struct tcp_test){.now = START, .epoch = START, .irs = s.irs, .timestamps = s.timestamps, .ts_epoch = START};
    t->last = &t->first;
    t->local = endpoint(10, 0, 0, 2, LOCAL_PORT);
    t->remote = endpoint(10, 0, 0, 1, REMOTE_PORT);
    t->region_bytes = s.memory != 0 ? s.memory : TCP_REGION;
    t->region = tcp_take_region(t->region_bytes);
    t->memory = mnet_memory_init(t->region, t->region_bytes);
    assert_non_null(t->memory);
    uint8_t seed[MN_RANDOM_SEED] = {1, 2, 3, s.seed};
    mn_random_init(&t->random, seed);
    tcp_start_paths(t, s.mtu != 0 ? s.mtu : link_mtu(MSS));
    t->config = config_of(&s);
    t->tcp = mn_tcp_create(&t->config);
    assert_non_null(t->tcp);
    t->tcp->never_calm = !short_ways;
    t->tcp->never_idle = !records_at_rest;
    t->memory_before = mnet_memory_used(t->memory);
    if (s.has_iss)
        wait_for_iss(t, s.iss);
}

static void free_output(struct tcp_output *output)
{
    free(output->bytes);
    free(output);
}

static struct tcp_output *take_output(struct tcp_test *t)
{
    struct tcp_output *output = t->first;
    if (output == NULL)
        return NULL;
    t->first = output->next;
    if (t->first == NULL)
        t->last = &t->first;
    return output;
}

void tcp_end(struct tcp_test *t)
{
    if (short_of.memory == t->memory)
        short_of.memory = NULL;
    drain(t, NULL);
    mn_tcp_destroy(t->tcp);
    mn_path_mtus_clear(&t->paths);
    assert_int_equal(mnet_memory_used(t->memory), t->memory_before);
    tcp_give_region(t->region, t->region_bytes);
    t->region = NULL;
}

/* --- Output of the engine --- */

/* Checks rules that every packet of the engine keeps. Completes its checksum on the way. */
static void verify_packet(struct tcp_test *t, struct mnet_packet *packet, struct tcp_output *o)
{
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PARTIAL); /* MUST-2 */
    assert_int_equal(packet->csum_start, 0);
    assert_int_equal(packet->csum_offset, 16);
    assert_int_equal(o->datagram.protocol, MN_PROTOCOL_TCP);
    uint64_t pseudo = mn_pseudo_sum(&o->datagram.source, &o->datagram.destination, MN_PROTOCOL_TCP, o->total);
    uint16_t folded = mn_sum_fold(pseudo);
    assert_memory_equal(o->bytes + 16, &folded, 2);
    uint16_t checksum = mn_checksum(mn_sum(0, o->bytes, o->total));
    memcpy(o->bytes + 16, &checksum, 2);

    assert_int_equal(o->bytes[12] & 0x0f, 0); /* reserved bits */
    assert_true(packet->len >= o->header.header_len);
    uint32_t segment = o->header.header_len + o->len;
    enum family family = family_of(o->from.address);
    assert_int_equal(family, family_of(o->to.address));
    if (packet->gso != MNET_GSO_NONE) {
        assert_int_equal(packet->gso, family == IPV4 ? MNET_GSO_TCPV4 : MNET_GSO_TCPV6);
        assert_true(packet->gso_size > 0 && packet->gso_size < o->len);
        assert_int_equal(packet->segments, (o->len + packet->gso_size - 1) / packet->gso_size);
        assert_true(o->len <= t->config.gso_max);
        segment = o->header.header_len + packet->gso_size;
    } else {
        assert_int_equal(packet->gso_size, 0);
        assert_int_equal(packet->segments, 1);
    }
    /* MUST-16 */
    assert_true(segment + family_ip_header(family) <= mn_path_mtu_link(&t->paths, o->to.address));
    assert_true(family == IPV4 || o->datagram.dont_fragment); /* no router fragments */
    if (!(o->header.flags & SYN))
        assert_int_equal(o->header.options & MN_TCP_OPTION_MSS, 0); /* MUST-65 */
    assert_false(o->header.options_broken);
}

/* The padding after the End of Option List option is zeros (MUST-69). */
static void verify_padding(const struct tcp_output *o)
{
    uint32_t at = MN_TCP_HEADER;
    while (at < o->header.header_len && o->bytes[at] != 0)
        at += o->bytes[at] == 1 ? 1 : o->bytes[at + 1];
    for (; at < o->header.header_len; at++)
        assert_int_equal(o->bytes[at], 0);
}

static void keep_output(struct tcp_test *t, struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    struct tcp_output *o = calloc(1, sizeof(*o));
    o->when = t->now;
    o->datagram = *datagram;
    o->total = packet->total;
    o->gso_size = packet->gso_size;
    o->bytes = malloc(packet->total);
    mnet_packet_copy_out(packet, 0, o->bytes, packet->total);
    assert_int_equal(mn_tcp_parse(o->bytes, o->total, &o->header), MN_PARSE_OK);
    o->len = o->total - o->header.header_len;
    o->from = (struct mnet_endpoint){datagram->source, o->header.source_port};
    o->to = (struct mnet_endpoint){datagram->destination, o->header.destination_port};
    verify_packet(t, packet, o);
    verify_padding(o);
    bool usual = mnet_endpoint_equal(o->from, t->local) && mnet_endpoint_equal(o->to, t->remote);
    if (usual && (o->header.flags & SYN) && !t->iss_known) {
        t->iss = o->header.seq;
        t->iss_known = true;
        t->ts_base = o->header.ts_value;
    }
    if (usual && t->timestamps && !(o->header.flags & RST))
        assert_true(o->header.options & MN_TCP_OPTION_TIMESTAMPS); /* RFC 7323 3.2 */
    uint64_t hash;
    struct mn_conn *conn = mn_table_find(t->tcp, &o->from, &o->to, &hash);
    if (conn != NULL && conn->kind == MN_CONN_TCB)
        tcp_check_sack(MN_CONTAINER(conn, struct mn_tcb, conn), &o->header);
    if (usual && o->header.options & MN_TCP_OPTION_TIMESTAMPS)
        t->ts_last = o->header.ts_value;
    *t->last = o;
    t->last = &o->next;
}

void pump(struct tcp_test *t)
{
    struct mn_datagram datagram;
    struct mnet_packet *packet;
    unsigned count = 0;
    while (!t->hold_output && (packet = mn_tcp_output(t->tcp, &datagram, t->now)) != NULL) {
        keep_output(t, packet, &datagram);
        mnet_packet_free(packet);
        assert_true(++count < OUTPUT_MAX);
    }
}

const struct tcp_output *peek_output(struct tcp_test *t)
{
    pump(t);
    return t->first;
}

unsigned drain(struct tcp_test *t, uint32_t *bytes)
{
    unsigned count = 0;
    if (bytes != NULL)
        *bytes = 0;
    pump(t);
    for (struct tcp_output *o; (o = take_output(t)) != NULL; count++) {
        if (bytes != NULL)
            *bytes += o->len;
        free_output(o);
    }
    return count;
}

static void describe(const struct tcp_test *t, const struct tcp_output *o, char *text, size_t size)
{
    const struct mn_tcp_header *h = &o->header;
    char flags[16];
    snprintf(flags, sizeof flags, "%s%s%s%s%s%s", h->flags & SYN ? "S" : "", h->flags & FIN ? "F" : "",
             h->flags & RST ? "R" : "", h->flags & PSH ? "P" : "", h->flags & ACK ? "A" : "",
             h->flags & URG ? "U" : "");
    char blocks[128] = "";
    for (unsigned i = 0; i < h->sack_count; i++)
        snprintf(blocks + strlen(blocks), sizeof blocks - strlen(blocks), " [%u, %u)", h->sack[i].left - t->irs,
                 h->sack[i].right - t->irs);
    snprintf(text, size, "%" PRIu64 ".%06u ms: %s seq %u ack %u len %u win %u mss %d shift %d%s (%u > %u)",
             (uint64_t)((o->when - t->epoch) / MNET_MILLISECOND), (unsigned)((o->when - t->epoch) % MNET_MILLISECOND),
             flags, h->seq - t->iss, h->ack - t->irs, o->len, h->window, h->options & MN_TCP_OPTION_MSS ? h->mss : NO,
             h->options & MN_TCP_OPTION_WINDOW_SCALE ? h->window_shift : NO, blocks, h->source_port,
             h->destination_port);
}

static const char *text_difference(const struct tcp_line *l, const struct tcp_output *o)
{
    uint32_t len = l->data != NULL ? (uint32_t)strlen(l->data) : (uint32_t)l->len;
    const uint8_t *text = o->bytes + o->header.header_len;
    if (l->data == NULL && l->len == ANY)
        len = o->len;
    if (o->len != len)
        return "length";
    if (l->data != NULL)
        return memcmp(text, l->data, len) == 0 ? NULL : "text";
    for (uint32_t i = 0; i < len; i++) {
        if (text[i] != pattern(l->seq - 1 + i))
            return "text";
    }
    return NULL;
}

static bool option_differs(int wanted, bool present, int value)
{
    return wanted != ANY && wanted != (present ? value : NO);
}

static bool sack_differs(const struct tcp_test *t, const struct tcp_line *l, const struct mn_tcp_header *h)
{
    if (l->sacks == ANY)
        return false;
    if (((h->options & MN_TCP_OPTION_SACK) != 0) != (l->sacks > 0) || h->sack_count != l->sacks)
        return true;
    for (int i = 0; i < l->sacks; i++) {
        if (h->sack[i].left - t->irs != l->sack[i].left || h->sack[i].right - t->irs != l->sack[i].right)
            return true;
    }
    return false;
}

/* Returns the name of the first field of `o` that differs from the line, or NULL if none does. */
static const char *difference(const struct tcp_test *t, const struct tcp_line *l, const struct tcp_output *o)
{
    const struct mn_tcp_header *h = &o->header;
    struct mnet_endpoint from = l->from.port ? l->from : t->local, to = l->to.port ? l->to : t->remote;
    if (!mnet_endpoint_equal(o->from, from) || !mnet_endpoint_equal(o->to, to))
        return "addresses";
    if ((h->flags & ~PSH) != (l->flags & ~PSH))
        return "flags";
    if (h->seq - t->iss != l->seq)
        return "seq";
    if ((h->flags & ACK) && h->ack - t->irs != l->ack)
        return "ack";
    if (!(h->flags & ACK) && h->ack != 0)
        return "ack field without ACK";
    if (l->window != ANY && h->window != (uint16_t)l->window)
        return "window";
    if (l->psh != ANY && l->psh != ((h->flags & PSH) != 0))
        return "PSH";
    if (l->ecn != ANY && l->ecn != (o->datagram.traffic_class & 3))
        return "ECN codepoint";
    if (l->urgent != ANY && (h->flags & URG) && h->urgent != l->urgent)
        return "urgent pointer";
    if (option_differs(l->mss, h->options & MN_TCP_OPTION_MSS, h->mss))
        return "MSS option";
    if (option_differs(l->shift, h->options & MN_TCP_OPTION_WINDOW_SCALE, h->window_shift))
        return "window scale option";
    if (l->permit != ANY && l->permit != ((h->options & MN_TCP_OPTION_SACK_PERMITTED) != 0))
        return "SACK permitted option";
    if (sack_differs(t, l, h))
        return "SACK blocks";
    bool ts = (h->options & MN_TCP_OPTION_TIMESTAMPS) != 0;
    if (l->ts_value != ANY && (ts ? h->ts_value - t->ts_base != (uint32_t)l->ts_value : l->ts_value != NO))
        return "timestamp";
    if (l->ts_echo != ANY && ts && h->ts_echo - PEER_TS != (uint32_t)l->ts_echo)
        return "echoed timestamp";
    return text_difference(l, o);
}

void script_expect(const char *file, int at, struct tcp_line line)
{
    struct tcp_test *t = line.t;
    pump(t);
    struct tcp_output *o = take_output(t);
    const char *wrong = o == NULL ? "nothing was sent" : difference(t, &line, o);
    if (wrong != NULL) {
        char text[256] = "nothing";
        if (o != NULL)
            describe(t, o, text, sizeof text);
        print_error("%s:%d: expected seq %u ack %u flags %02x len %d; got %s: %s\n", file, at, line.seq, line.ack,
                    (unsigned)line.flags, line.data != NULL ? (int)strlen(line.data) : line.len, text, wrong);
        stop(file, at);
    }
    t->seen = *o;
    t->seen.bytes = NULL;
    t->seen.next = NULL;
    free_output(o);
}

void script_expect_nothing(const char *file, int at, struct tcp_test *t)
{
    pump(t);
    if (t->first == NULL)
        return;
    char text[256];
    describe(t, t->first, text, sizeof text);
    print_error("%s:%d: expected nothing; got %s\n", file, at, text);
    stop(file, at);
}

/* --- Input to the engine --- */

static size_t emit_header(const struct tcp_line *l, uint8_t *to)
{
    const struct tcp_test *t = l->t;
    struct mnet_endpoint from = l->from.port ? l->from : t->remote, dest = l->to.port ? l->to : t->local;
    struct mn_tcp_header h = {
        .source_port = from.port,
        .destination_port = dest.port,
        .seq = t->irs + l->seq,
        .ack = l->flags & ACK ? t->iss + l->ack : 0,
        .flags = (uint8_t)l->flags,
        .window = (uint16_t)l->window,
        .urgent = (uint16_t)l->urgent,
    };
    if (l->mss != NO) {
        h.options |= MN_TCP_OPTION_MSS;
        h.mss = (uint16_t)l->mss;
    }
    if (l->shift != NO) {
        h.options |= MN_TCP_OPTION_WINDOW_SCALE;
        h.window_shift = (uint8_t)l->shift;
    }
    if (l->permit)
        h.options |= MN_TCP_OPTION_SACK_PERMITTED;
    if (l->sacks > 0)
        h.options |= MN_TCP_OPTION_SACK;
    h.sack_count = (uint8_t)l->sacks;
    for (int i = 0; i < l->sacks; i++)
        h.sack[i] = (struct mn_tcp_sack_block){t->iss + l->sack[i].left, t->iss + l->sack[i].right};
    if (t->timestamps && l->ts_value != NO) {
        uint32_t clock = (uint32_t)((t->now - t->ts_epoch) / MNET_MILLISECOND);
        h.options |= MN_TCP_OPTION_TIMESTAMPS;
        h.ts_value = PEER_TS + (l->ts_value == ANY ? clock : (uint32_t)l->ts_value);
        h.ts_echo = !(l->flags & ACK) ? 0 : l->ts_echo == ANY ? t->ts_last : t->ts_base + (uint32_t)l->ts_echo;
    }
    size_t len = mn_tcp_emit(to, &h);
    if (l->options_len != 0) {
        assert_true(len + l->options_len <= MN_TCP_HEADER_MAX && l->options_len % 4 == 0);
        memcpy(to + len, l->options, l->options_len);
        len += l->options_len;
        to[12] = (uint8_t)(len / 4 << 4);
    }
    return len;
}

size_t tcp_compose(const struct tcp_line *l, uint8_t *to)
{
    const struct tcp_test *t = l->t;
    struct mnet_endpoint from = l->from.port ? l->from : t->remote, dest = l->to.port ? l->to : t->local;
    size_t header = emit_header(l, to);
    size_t len = l->data != NULL ? strlen(l->data) : (size_t)l->len;
    assert_true(header + len <= SCRIPT_TEXT_MAX);
    for (uint32_t i = 0; i < len; i++)
        to[header + i] = l->data != NULL ? (uint8_t)l->data[i] : pattern(l->seq - (l->flags & SYN ? 0 : 1) + i);
    uint64_t sum = mn_pseudo_sum(&from.address, &dest.address, MN_PROTOCOL_TCP, (uint32_t)(header + len));
    memset(to + 16, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum_add(sum, mn_sum(0, to, header + len)));
    memcpy(to + 16, &checksum, 2);
    if (l->bad_checksum)
        to[17] ^= 1;
    return header + len;
}

static void input(struct tcp_test *t, const void *bytes, size_t len, const struct mn_datagram *datagram,
                  enum mnet_checksum checksum)
{
    short_of.off = true; /* the device allocates, not the engine */
    struct mnet_packet *packet = mnet_packet_alloc(t->memory);
    assert_non_null(packet);
    memset(mnet_packet_put(packet, datagram->header_len), 0, datagram->header_len);
    size_t linear = len < 1480 ? len : 1480;
    memcpy(mnet_packet_put(packet, linear), bytes, linear);
    if (len > linear)
        assert_true(mnet_packet_append(packet, (const uint8_t *)bytes + linear, len - linear));
    short_of.off = false;
    mnet_packet_pull(packet, datagram->header_len);
    packet->checksum = (uint8_t)checksum;
    packet->received_ns = t->now;
    mn_tcp_input(t->tcp, datagram, packet, t->now);
    pump(t);
}

static struct mn_datagram datagram_of(struct mnet_address from, struct mnet_address to)
{
    return (struct mn_datagram){.source = from,
                                .destination = to,
                                .protocol = MN_PROTOCOL_TCP,
                                .ttl = 64,
                                .header_len = family_ip_header(family_of(from))};
}

void send_raw(struct tcp_test *t, const void *bytes, size_t len, enum mnet_checksum checksum, bool not_unicast)
{
    struct mn_datagram datagram = datagram_of(t->remote.address, t->local.address);
    datagram.not_unicast = not_unicast;
    input(t, bytes, len, &datagram, checksum);
}

void script_send(struct tcp_line line)
{
    static uint8_t bytes[SCRIPT_TEXT_MAX];
    struct tcp_test *t = line.t;
    size_t len = tcp_compose(&line, bytes);
    struct mn_datagram datagram = datagram_of(line.from.port ? line.from.address : t->remote.address,
                                              line.to.port ? line.to.address : t->local.address);
    datagram.traffic_class = (uint8_t)line.ecn;
    input(t, bytes, len, &datagram, line.verified ? MNET_CHECKSUM_VERIFIED : MNET_CHECKSUM_PLAIN);
}

/* --- Time --- */

void wait_ns(struct tcp_test *t, uint64_t ns)
{
    uint64_t until = t->now + ns;
    for (unsigned steps = 0;; steps++) {
        pump(t);
        uint64_t next = MN_MIN(mn_tcp_deadline(t->tcp), mn_wheel_deadline(&t->path_wheel));
        if (!t->hold_output && mn_tcp_wants_output(t->tcp))
            next = MN_MIN(next, t->now + RETRY_NS);
        assert_true(steps < OUTPUT_MAX);
        if (next > until)
            break;
        /* A deadline in the past must not stop the clock. */
        t->now = next > t->now ? next : t->now + 1000;
        if (t->now > until)
            t->now = until;
        tcp_expire_paths(t);
        mn_tcp_expire(t->tcp, t->now);
        if (t->now == until)
            break;
    }
    t->now = until;
    tcp_expire_paths(t);
    mn_tcp_expire(t->tcp, t->now);
    pump(t);
}

void wait_ms(struct tcp_test *t, uint64_t ms)
{
    wait_ns(t, ms * MNET_MILLISECOND);
}

void mark(struct tcp_test *t)
{
    t->epoch = t->now;
}

void at_ms(struct tcp_test *t, uint64_t ms)
{
    uint64_t when = t->epoch + ms * MNET_MILLISECOND;
    assert_true(when >= t->now);
    wait_ns(t, when - t->now);
}

/* --- The user --- */

void open_active(struct tcp_test *t)
{
    struct mn_tcp_open open = {.local = t->local, .remote = t->remote};
    assert_int_equal(mn_tcp_open(t->tcp, &open, t->now, &t->tcb), 0);
    pump(t);
}

void script_accept(const char *file, int at, struct tcp_test *t)
{
    t->tcb = mn_tcp_accept(t->listener);
    if (t->tcb == NULL) {
        print_error("%s:%d: nothing to accept\n", file, at);
        stop(file, at);
    }
    pump(t);
}

void write_text(struct tcp_test *t, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(mn_tcp_send(t->tcp, t->tcb, text, len, false, t->now), len);
    pump(t);
}

void write_bytes(struct tcp_test *t, uint32_t len)
{
    uint32_t position = mn_sendq_end(&t->tcb->sendq) - t->iss - 1;
    uint8_t *bytes = malloc(len);
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = pattern(position + i);
    assert_int_equal(mn_tcp_send(t->tcp, t->tcb, bytes, len, true, t->now), len);
    free(bytes);
    pump(t);
}

void script_read_result(const char *file, int at, struct tcp_test *t, ptrdiff_t result)
{
    uint8_t bytes[16];
    ptrdiff_t got = mn_tcp_receive(t->tcp, t->tcb, bytes, sizeof bytes, t->now);
    pump(t);
    if (got != result) {
        print_error("%s:%d: reading gives %d, not %d\n", file, at, (int)got, (int)result);
        stop(file, at);
    }
}

/* Reads until `len` bytes have arrived. A test that expects them has sent them. */
static void read_all(const char *file, int at, struct tcp_test *t, uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ptrdiff_t got = mn_tcp_receive(t->tcp, t->tcb, bytes + done, len - done, t->now);
        if (got <= 0) {
            print_error("%s:%d: reading gives %d after %u of %u bytes\n", file, at, (int)got, (unsigned)done,
                        (unsigned)len);
            stop(file, at);
        }
        done += (size_t)got;
    }
    pump(t);
}

void script_read_text(const char *file, int at, struct tcp_test *t, const char *text)
{
    uint8_t bytes[256];
    size_t len = strlen(text);
    read_all(file, at, t, bytes, len);
    _assert_memory_equal(bytes, text, len, file, at);
}

void script_read_pattern(const char *file, int at, struct tcp_test *t, uint32_t position, uint32_t len)
{
    uint8_t *bytes = malloc(len);
    read_all(file, at, t, bytes, len);
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != pattern(position + i)) {
            print_error("%s:%d: byte %u of the stream is wrong\n", file, at, position + i);
            stop(file, at);
        }
    }
    free(bytes);
}

void close_(struct tcp_test *t)
{
    mn_tcp_close(t->tcp, t->tcb, t->now);
    t->tcb = NULL;
    pump(t);
}

void abort_(struct tcp_test *t)
{
    mn_tcp_abort(t->tcp, t->tcb, t->now);
    t->tcb = NULL;
    pump(t);
}

void shutdown_(struct tcp_test *t, enum mnet_shutdown how)
{
    assert_int_equal(mn_tcp_shutdown(t->tcp, t->tcb, how, t->now), 0);
    pump(t);
}

/* --- States --- */

enum mn_tcp_state tcp_state(struct tcp_test *t)
{
    uint64_t hash;
    struct mn_conn *conn = mn_table_find(t->tcp, &t->local, &t->remote, &hash);
    if (conn == NULL)
        return MN_CLOSED;
    if (conn->kind == MN_CONN_HALF_OPEN)
        return MN_SYN_RECEIVED;
    if (conn->kind == MN_CONN_TIME_WAIT)
        return MN_TIME_WAIT;
    return (enum mn_tcp_state)MN_CONTAINER(conn, struct mn_tcb, conn)->state;
}

void script_expect_state(const char *file, int at, struct tcp_test *t, enum mn_tcp_state state)
{
    enum mn_tcp_state is = tcp_state(t);
    if (is == state)
        return;
    print_error("%s:%d: in %s, not in %s\n", file, at, mn_tcp_state_name(is), mn_tcp_state_name(state));
    stop(file, at);
}

static void reach_passively(enum mn_tcp_state state, const struct tcp_setup *s)
{
    struct tcp_test *t = s->t;
    struct mnet_listen_options options = {.backlog = s->backlog, .policy = s->policy, .no_delay = s->no_delay};
    assert_int_equal(mn_tcp_listen(t->tcp, (struct mnet_endpoint){.port = LOCAL_PORT}, &options, &t->listener), 0);
    if (state == MN_LISTEN)
        return;
    send_(t, .seq = 0, .flags = SYN, .window = s->window, .mss = s->mss, .shift = s->shift, .permit = s->sack);
    expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    if (state == MN_SYN_RECEIVED)
        return;
    wait_ms(t, s->rtt_ms);
    send_(t, .seq = 1, .ack = 1, .flags = ACK, .window = s->window);
    accept_(t);
}

static void reach_actively(enum mn_tcp_state state, const struct tcp_setup *s)
{
    struct tcp_test *t = s->t;
    open_active(t);
    expect(t, .seq = 0, .flags = SYN);
    if (state == MN_SYN_SENT)
        return;
    wait_ms(t, s->rtt_ms);
    if (state == MN_SYN_RECEIVED) {
        send_(t, .seq = 0, .flags = SYN, .window = s->window, .mss = s->mss, .shift = s->shift, .permit = s->sack);
        expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        return;
    }
    send_(t, .seq = 0, .ack = 1, .flags = SYN | ACK, .window = s->window, .mss = s->mss, .shift = s->shift,
          .permit = s->sack);
    expect(t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(mn_tcp_status(t->tcb), 0);
}

static void reach_by_closing(enum mn_tcp_state state, const struct tcp_setup *s)
{
    struct tcp_test *t = s->t;
    if (state == MN_CLOSE_WAIT || state == MN_LAST_ACK) {
        send_(t, .seq = 1, .ack = 1, .flags = FIN | ACK, .window = s->window);
        expect(t, .seq = 1, .ack = 2, .flags = ACK);
        if (state == MN_LAST_ACK) {
            shutdown_(t, MNET_SHUTDOWN_WRITE);
            expect(t, .seq = 1, .ack = 2, .flags = FIN | ACK);
        }
        return;
    }
    shutdown_(t, MNET_SHUTDOWN_WRITE);
    expect(t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    if (state == MN_CLOSING) {
        send_(t, .seq = 1, .ack = 1, .flags = FIN | ACK, .window = s->window);
        expect(t, .seq = 2, .ack = 2, .flags = ACK);
    } else if (state != MN_FIN_WAIT_1) {
        send_(t, .seq = 1, .ack = 2, .flags = ACK, .window = s->window);
        if (state == MN_TIME_WAIT) {
            send_(t, .seq = 1, .ack = 2, .flags = FIN | ACK, .window = s->window);
            expect(t, .seq = 2, .ack = 2, .flags = ACK);
        }
    }
}

void tcp_reach(enum mn_tcp_state state, struct tcp_setup s)
{
    if (state == MN_SYN_SENT)
        s.active = true;
    tcp_setup(s);
    if (s.active)
        reach_actively(state, &s);
    else
        reach_passively(state, &s);
    if (state > MN_ESTABLISHED)
        reach_by_closing(state, &s);
    if (state != MN_LISTEN)
        expect_state(s.t, state);
    expect_nothing(s.t);
    mark(s.t);
}
