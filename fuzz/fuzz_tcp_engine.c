/* The TCP engine. The input is a script of segments, user calls, ICMP errors and time that passes.
 * Most segments are built from the numbers that a connection expects, moved by small amounts, so
 * that they get deep into the engine. After each step every connection must satisfy its invariants.
 * The bytes read and sent must be the stream. At the end all memory must be back. */
#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/packet_sum.h"
#include "tcp/check.h"
#include "tcp/records/table.h"
#include "tcp/tcb.h"
#include "tests/support/family.h"
#include "tests/support/tcp_check.h"

#define PEERS 4
#define USERS 8
#define HOGGED 2000
#define PORT 80
#define STORM 2000 /* segments after one step: more than any window of this engine holds */

struct engine_user {
    struct mn_tcb *tcb;
    uint32_t read; /* sequence number of the next byte to read; valid if `reading` */
    bool reading;
};

struct engine {
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mnet_log log;
    struct mn_random random;
    enum family family; /* of all addresses */
    struct mn_wheel path_wheel;
    struct mn_path_mtus paths;
    struct mn_tcp_config config;
    struct mn_tcp *tcp;
    struct mn_listener *listener;
    struct engine_user users[USERS];
    struct mnet_packet *hogged[HOGGED]; /* held by others, so that memory runs out */
    unsigned hogged_count;
    uint64_t now;
    struct mn_reader script;
};

static uint8_t region[4u << 20];

/* Returns the byte of the stream at a sequence number, for either sender. */
static uint8_t stream(uint32_t seq)
{
    return (uint8_t)(seq * 31u + (seq >> 8));
}

static struct mnet_endpoint own(const struct engine *e)
{
    return (struct mnet_endpoint){family_host(e->family, 10, 0, 0, 2), PORT};
}

static struct mnet_endpoint peer(const struct engine *e, unsigned index)
{
    return (struct mnet_endpoint){family_host(e->family, 10, 0, 0, 1), (uint16_t)(1000 + index % PEERS)};
}

static void listen_again(struct engine *e)
{
    struct mnet_listen_options options = {.backlog = 3, .policy = MNET_BACKLOG_IGNORE};
    if (e->listener == NULL)
        mn_tcp_listen(e->tcp, (struct mnet_endpoint){.port = PORT}, &options, &e->listener);
}

static void expire(struct engine *e)
{
    for (struct mn_timer *timer; (timer = mn_wheel_expire(&e->path_wheel, e->now)) != NULL;)
        mn_path_mtu_expire(&e->paths, timer);
    mn_tcp_expire(e->tcp, e->now);
}

static void start_paths(struct engine *e, uint16_t mtu)
{
    mn_wheel_init(&e->path_wheel, e->now);
    const struct mn_path_mtu_config config = {
        .memory = e->memory, .wheel = &e->path_wheel, .max = 2, .age_ns = MN_PATH_MTU_AGE_NS, .link_mtu = mtu};
    mn_path_mtus_init(&e->paths, &config);
}

static void start(struct engine *e)
{
    static const uint8_t seed[MN_RANDOM_SEED] = {7};
    uint8_t flags = mn_read_u8(&e->script);
    e->memory = mnet_memory_init(region, flags & 1 ? sizeof region : MNET_MEMORY_MINIMUM);
    mn_random_init(&e->random, seed);
    e->now = MNET_SECOND;
    e->family = flags & 128 ? IPV6 : IPV4;
    start_paths(e, flags & 2 ? 1500 : family_mtu_min(e->family));
    e->config = (struct mn_tcp_config){
        .memory = e->memory,
        .counters = &e->counters,
        .log = &e->log,
        .random = &e->random,
        .paths = &e->paths,
        .gso_max = flags & 4 ? 20000 : 0,
        .sums_text = (flags & 16) != 0,
        .user.connections_max = flags & 8 ? 100 : 3,
        .user.orphans_max = 2,
        .user.half_open_max = 3,
        .user.time_wait_max = 2,
        .user.listeners_max = 2,
        .user.send_buffer = flags & 16 ? 100000 : 2000,
        .user.receive_buffer = flags & 32 ? 300000 : 3000,
        .user.msl_ns = 30 * MNET_SECOND,
        .user.orphan_ns = 60 * MNET_SECOND,
        .user.user_timeout_ns = 100 * MNET_SECOND,
        .user.no_delay = (flags & 64) != 0,
        .now = e->now,
    };
    e->tcp = mn_tcp_create(&e->config);
    MN_ASSERT(e->tcp != NULL);
    listen_again(e);
}

static void check(const struct engine *e)
{
    mn_tcp_check(e->tcp);
    MN_ASSERT(e->listener == NULL || e->listener->queued <= e->listener->backlog);
}

/* ---- Out ---- */

static void check_packet(struct engine *e, const struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    static uint8_t bytes[70000];
    struct mn_tcp_header header;
    mnet_packet_copy_out(packet, 0, bytes, packet->total);
    tcp_digest_segment(datagram, packet->gso_size, bytes, packet->total, e->now);
    MN_ASSERT(mn_tcp_parse(bytes, packet->total, &header) == MN_PARSE_OK && packet->len >= header.header_len);
    MN_ASSERT(packet->checksum == MNET_CHECKSUM_PARTIAL && packet->csum_start == 0 && packet->csum_offset == 16);
    uint64_t sum = mn_pseudo_sum(&datagram->source, &datagram->destination, MN_PROTOCOL_TCP, packet->total);
    MN_ASSERT(header.checksum == mn_sum_fold(sum));
    MN_ASSERT(mn_sum_fold(mn_packet_sum(packet, 0)) == mn_sum_fold(mn_sum(0, bytes, packet->total)));
    struct mnet_endpoint local = {datagram->source, header.source_port};
    struct mnet_endpoint remote = {datagram->destination, header.destination_port};
    uint64_t hash;
    struct mn_conn *conn = mn_table_find(e->tcp, &local, &remote, &hash);
    if (conn != NULL && conn->kind == MN_CONN_TCB)
        tcp_check_sack(MN_CONTAINER(conn, struct mn_tcb, conn), &header);
    uint32_t len = packet->total - header.header_len;
    uint32_t segment = packet->gso == MNET_GSO_NONE ? len : packet->gso_size;
    MN_ASSERT(segment + header.header_len + family_ip_header(e->family) <=
              mn_path_mtu_link(&e->paths, datagram->destination));
    MN_ASSERT(e->family == IPV4 || datagram->dont_fragment);
    MN_ASSERT(packet->gso == MNET_GSO_NONE || (len > segment && len <= e->config.gso_max));
    MN_ASSERT(!(header.flags & MN_TCP_RST) || len == 0);
    for (uint32_t i = 0; i < len; i++)
        MN_ASSERT(bytes[header.header_len + i] == stream(header.seq + i));
}

static void op_output(struct engine *e)
{
    struct mn_datagram datagram;
    struct mnet_packet *packet;
    unsigned most = mn_read_u8(&e->script) & 1 ? 1 : STORM, count = 0;
    while (count < most && (packet = mn_tcp_output(e->tcp, &datagram, e->now)) != NULL) {
        check_packet(e, packet, &datagram);
        mnet_packet_free(packet);
        count++;
    }
    MN_ASSERT(count < STORM);
}

/* ---- Users ---- */

static struct engine_user *free_user(struct engine *e)
{
    for (int i = 0; i < USERS; i++) {
        if (e->users[i].tcb == NULL)
            return &e->users[i];
    }
    return NULL;
}

static struct engine_user *some_user(struct engine *e)
{
    return &e->users[mn_read_u8(&e->script) % USERS];
}

/* ---- Segments in ---- */

static struct mn_conn *find(const struct engine *e, unsigned who)
{
    const struct mnet_endpoint local = own(e), remote = peer(e, who);
    uint64_t hash;
    return mn_table_find(e->tcp, &local, &remote, &hash);
}

/* Computes the numbers that a connection expects next from its peer. */
static void expected(struct engine *e, unsigned who, uint32_t *seq, uint32_t *ack, uint32_t *nxt)
{
    struct mn_conn *conn = find(e, who);
    *seq = UINT32_MAX - 100;
    *ack = *nxt = 0;
    if (conn == NULL)
        return;
    if (conn->kind == MN_CONN_TCB) {
        const struct mn_tcb *tcb = MN_CONTAINER(conn, struct mn_tcb, conn);
        *seq = tcb->state == MN_SYN_SENT ? *seq : tcb->rcv_nxt;
        *ack = tcb->snd_una;
        *nxt = tcb->snd_nxt;
    } else if (conn->kind == MN_CONN_HALF_OPEN) {
        const struct mn_half_open *half = MN_CONTAINER(conn, struct mn_half_open, conn);
        *seq = half->irs + 1;
        *ack = *nxt = half->iss + 1;
    } else {
        const struct mn_time_wait *tw = MN_CONTAINER(conn, struct mn_time_wait, conn);
        *seq = tw->rcv_nxt;
        *ack = *nxt = tw->snd_nxt;
    }
}

static struct mnet_packet *packet_of(struct engine *e, const uint8_t *bytes, size_t len)
{
    struct mnet_packet *packet = mnet_packet_alloc(e->memory);
    if (packet != NULL && !mnet_packet_append(packet, bytes, len)) {
        mnet_packet_free(packet);
        packet = NULL;
    }
    return packet;
}

static void input(struct engine *e, const struct mn_datagram *datagram, const uint8_t *bytes, size_t len, bool verified)
{
    struct mnet_packet *packet = packet_of(e, bytes, len);
    if (packet == NULL)
        return;
    packet->checksum = verified ? MNET_CHECKSUM_VERIFIED : MNET_CHECKSUM_PLAIN;
    mn_tcp_input(e->tcp, datagram, packet, e->now);
}

/* Puts options from the script behind a header of 20 bytes. Returns the new length of the
 * header. */
static size_t add_options(struct engine *e, uint8_t *bytes)
{
    size_t len = mn_read_u8(&e->script) % 11 * 4;
    const uint8_t *options = mn_read(&e->script, len);
    if (options == NULL)
        return MN_TCP_HEADER;
    memcpy(bytes + MN_TCP_HEADER, options, len);
    bytes[12] = (uint8_t)((MN_TCP_HEADER + len) / 4 << 4);
    return MN_TCP_HEADER + len;
}

/* Returns the first range of [seq, seq + len) that the receiver already has; empty if there is
 * none. */
static struct mn_range first_known(const struct mn_tcb *tcb, uint32_t seq, uint32_t len)
{
    uint32_t end = seq + len;
    if (mn_seq_lt(seq, tcb->rcv_nxt))
        return (struct mn_range){seq, mn_seq_min(end, tcb->rcv_nxt)};
    const struct mnet_link *head = tcb->reassembly == NULL ? NULL : &tcb->reassembly->runs;
    for (struct mnet_link *at = head == NULL ? NULL : mn_list_first(head); at != NULL && at != head; at = at->next) {
        const struct mn_run *run = MN_CONTAINER(at, struct mn_run, link);
        if (mn_seq_lt(seq, run->seq + run->len) && mn_seq_lt(run->seq, end))
            return (struct mn_range){mn_seq_max(seq, run->seq), mn_seq_min(end, run->seq + run->len)};
    }
    return (struct mn_range){0, 0};
}

/* RFC 2883 4: if a segment changed the range to be reported as received twice, the new range is the
 * first known range of the segment, alone or joined to the range before. */
static void check_dsack(const struct mn_tcb *tcb, struct mn_range before, struct mn_range known)
{
    struct mn_range twice = tcb->twice;
    if (twice.left == twice.right || (twice.left == before.left && twice.right == before.right))
        return;
    MN_ASSERT(twice.right == known.right);
    MN_ASSERT(twice.left == known.left || (twice.left == before.left && before.right == known.left));
}

static void op_segment(struct engine *e)
{
    static uint8_t bytes[8000];
    uint8_t shape = mn_read_u8(&e->script), flags = mn_read_u8(&e->script);
    uint32_t seq, ack, nxt;
    expected(e, shape, &seq, &ack, &nxt);
    seq += shape & 4 ? (uint32_t)(int8_t)mn_read_u8(&e->script) * (shape & 8 ? 300 : 1) : 0;
    ack = shape & 16 ? nxt : ack + (uint32_t)(int8_t)mn_read_u8(&e->script) * (shape & 32 ? 300 : 1);
    struct mn_tcp_header header = {.source_port = peer(e, shape).port,
                                   .destination_port = PORT,
                                   .seq = seq,
                                   .ack = ack,
                                   .flags = flags & 0x3f,
                                   .window = flags & 0x80 ? mn_read_u16(&e->script) : 40000,
                                   .urgent = flags & MN_TCP_URG ? mn_read_u16(&e->script) : 0};
    mn_tcp_emit(bytes, &header);
    size_t len = shape & 64 ? add_options(e, bytes) : MN_TCP_HEADER;
    size_t data = mn_read_u8(&e->script);
    data = data < 128 ? data : (data - 128) * 50;
    for (size_t i = 0; i < data; i++)
        bytes[len + i] = stream(seq + (flags & MN_TCP_SYN ? 1 : 0) + (uint32_t)i);
    struct mn_datagram datagram = {
        .source = peer(e, shape).address, .destination = own(e).address, .protocol = MN_PROTOCOL_TCP, .ttl = 64};
    struct mn_conn *conn = find(e, shape);
    struct mn_tcb *tcb = conn != NULL && conn->kind == MN_CONN_TCB ? MN_CONTAINER(conn, struct mn_tcb, conn) : NULL;
    struct mn_range before = {0, 0}, known = {0, 0};
    if (tcb != NULL) {
        before = tcb->twice;
        known = first_known(tcb, seq + (flags & MN_TCP_SYN ? 1 : 0), (uint32_t)data);
    }
    input(e, &datagram, bytes, len + data, true);
    if (tcb != NULL && find(e, shape) == conn)
        check_dsack(tcb, before, known);
}

/* Sends a segment of the peer with nothing unusual in it. */
static void plain_segment(struct engine *e, unsigned who, uint32_t seq, uint32_t ack, uint8_t flags, uint16_t window)
{
    const uint8_t options = MN_TCP_OPTION_MSS | MN_TCP_OPTION_WINDOW_SCALE | MN_TCP_OPTION_SACK_PERMITTED;
    uint8_t bytes[MN_TCP_HEADER_MAX];
    struct mn_tcp_header header = {.source_port = peer(e, who).port,
                                   .destination_port = PORT,
                                   .seq = seq,
                                   .ack = ack,
                                   .flags = flags,
                                   .window = window,
                                   .options = flags & MN_TCP_SYN ? options : 0,
                                   .mss = 1000,
                                   .window_shift = 2};
    struct mn_datagram datagram = {
        .source = peer(e, who).address, .destination = own(e).address, .protocol = MN_PROTOCOL_TCP, .ttl = 64};
    input(e, &datagram, bytes, mn_tcp_emit(bytes, &header), true);
}

/* Acknowledges nothing new, a part, or everything. The window mostly stays as it is, so that
 * duplicates count. */
static void op_ack(struct engine *e)
{
    uint8_t shape = mn_read_u8(&e->script);
    uint32_t seq, ack, nxt;
    expected(e, shape, &seq, &ack, &nxt);
    if (shape & 4)
        ack += MN_MIN(nxt - ack, (shape & 8 ? 1000u : 100u) * (1 + (shape >> 6)));
    else if (shape & 8)
        ack = nxt;
    uint16_t window = shape & 16 ? (uint16_t)(mn_read_u8(&e->script) * 40) : 40000;
    unsigned count = !(shape & 4) && shape & 32 ? 4 : 1;
    while (count-- > 0)
        plain_segment(e, shape, seq, ack, MN_TCP_ACK, window);
}

/* Sends selective acknowledgements, mostly of bytes in flight. The acknowledgement number is at
 * their left end or below. */
static void op_sack(struct engine *e)
{
    uint8_t shape = mn_read_u8(&e->script), bytes[MN_TCP_HEADER_MAX];
    uint32_t seq, ack, nxt;
    expected(e, shape, &seq, &ack, &nxt);
    uint32_t flight = nxt - ack, from = ack;
    if (shape & 4)
        ack += flight / 8 * (shape >> 5);
    struct mn_tcp_header header = {.source_port = peer(e, shape).port,
                                   .destination_port = PORT,
                                   .seq = seq,
                                   .ack = ack,
                                   .flags = MN_TCP_ACK,
                                   .window = 40000,
                                   .options = MN_TCP_OPTION_SACK,
                                   .sack_count = (uint8_t)(1 + (shape >> 3) % 4)};
    for (int i = 0; i < header.sack_count; i++) {
        uint32_t left = from + (uint32_t)((uint64_t)flight * mn_read_u8(&e->script) / 200);
        uint8_t len = mn_read_u8(&e->script);
        header.sack[i] = (struct mn_tcp_sack_block){left, left + (len < 240 ? len * (1 + flight / 400) : 0u - len)};
    }
    struct mn_datagram datagram = {
        .source = peer(e, shape).address, .destination = own(e).address, .protocol = MN_PROTOCOL_TCP, .ttl = 64};
    input(e, &datagram, bytes, mn_tcp_emit(bytes, &header), true);
}

/* Makes a whole handshake with the listener. A user accepts the connection and writes. */
static void op_connection(struct engine *e)
{
    uint8_t who = mn_read_u8(&e->script);
    uint32_t seq, ack, nxt;
    struct engine_user *user = free_user(e);
    if (find(e, who) != NULL || e->listener == NULL || user == NULL)
        return;
    plain_segment(e, who, (uint32_t)who << 24, 0, MN_TCP_SYN, 40000);
    expected(e, who, &seq, &ack, &nxt);
    plain_segment(e, who, seq, ack, MN_TCP_ACK, 10000);
    while (user->tcb == NULL && mn_tcp_acceptable(e->listener))
        user->tcb = mn_tcp_accept(e->listener);
    user->reading = false;
}

/* Sends a run of segments that was coalesced before the engine sees it: packets linked behind the
 * one with the header. */
static void op_run(struct engine *e)
{
    uint8_t bytes[2000], who = mn_read_u8(&e->script), count = mn_read_u8(&e->script) % 5;
    uint32_t seq, ack, nxt;
    expected(e, who, &seq, &ack, &nxt);
    seq += (uint32_t)(int8_t)mn_read_u8(&e->script) * 100;
    size_t size = 1 + mn_read_u8(&e->script) * 5u;
    struct mn_tcp_header header = {.source_port = peer(e, who).port,
                                   .destination_port = PORT,
                                   .seq = seq,
                                   .ack = ack,
                                   .flags = MN_TCP_ACK | (who & 8 ? MN_TCP_FIN : 0),
                                   .window = 30000};
    struct mnet_packet *head = NULL;
    for (unsigned i = count + 1; i-- > 0;) { /* from the last to the first */
        size_t before = i == 0 ? mn_tcp_emit(bytes, &header) : 0;
        for (size_t k = 0; k < size; k++)
            bytes[before + k] = stream(seq + (uint32_t)(i * size + k));
        struct mnet_packet *packet = packet_of(e, bytes, before + size);
        if (packet == NULL)
            break;
        packet->more = head;
        packet->total += head != NULL ? head->total : 0;
        head = packet;
        if (i > 0)
            continue;
        struct mn_datagram datagram = {
            .source = peer(e, who).address, .destination = own(e).address, .protocol = MN_PROTOCOL_TCP, .ttl = 64};
        head->segments = (uint16_t)(count + 1);
        head->checksum = MNET_CHECKSUM_VERIFIED;
        mn_tcp_input(e->tcp, &datagram, head, e->now);
        return;
    }
    mnet_packet_free(head);
}

/* Takes nearly all memory for others, or gives it back. */
static void op_hog(struct engine *e)
{
    struct mnet_packet *packet;
    unsigned keep = mn_read_u8(&e->script);
    if (e->hogged_count == 0) {
        while (e->hogged_count < HOGGED && (packet = mnet_packet_alloc(e->memory)) != NULL)
            e->hogged[e->hogged_count++] = packet;
        keep = e->hogged_count - MN_MIN(keep / 4, e->hogged_count);
    } else {
        keep = 0;
    }
    while (e->hogged_count > keep)
        mnet_packet_free(e->hogged[--e->hogged_count]);
}

/* Sends any bytes, sometimes with the right ports and checksum. */
static void op_raw(struct engine *e)
{
    uint8_t bytes[256], shape = mn_read_u8(&e->script);
    size_t len = mn_read_u8(&e->script);
    len = MN_MIN(len, mn_reader_left(&e->script));
    const uint8_t *from = mn_read(&e->script, len);
    if (from == NULL)
        return;
    memcpy(bytes, from, len);
    struct mn_datagram datagram = {.source = peer(e, 0).address,
                                   .destination = shape & 1 ? own(e).address : family_group(e->family, shape),
                                   .protocol = MN_PROTOCOL_TCP,
                                   .not_unicast = (shape & 6) == 6};
    if (len >= MN_TCP_HEADER && shape & 8)
        /* No peer has this port, so any text is good. */
        memcpy(bytes, (const uint8_t[]){0xff, shape, 0, PORT}, 4);
    input(e, &datagram, bytes, len, shape & 16);
}

static void op_icmp(struct engine *e)
{
    uint8_t shape = mn_read_u8(&e->script), quote[8] = {0};
    uint32_t seq, una, nxt;
    expected(e, shape, &seq, &una, &nxt);
    una += (uint32_t)(int8_t)mn_read_u8(&e->script);
    quote[1] = PORT;
    quote[2] = (uint8_t)(peer(e, shape).port >> 8);
    quote[3] = (uint8_t)peer(e, shape).port;
    for (int i = 0; i < 4; i++)
        quote[4 + i] = (uint8_t)(una >> (24 - 8 * i));
    struct mn_icmp_error error = {.reason = (enum mn_unreachable)(MN_UNREACHABLE_NETWORK + (shape >> 2) % 7),
                                  .mtu = mn_read_u16(&e->script),
                                  .protocol = MN_PROTOCOL_TCP,
                                  .local = own(e).address,
                                  .remote = peer(e, shape).address,
                                  .quote = quote,
                                  .quote_len = shape & 128 ? 7 : 8};
    if (mn_tcp_icmp(e->tcp, &error, e->now) && error.reason == MN_UNREACHABLE_TOO_BIG)
        mn_path_mtu_lower(&e->paths, error.remote, error.mtu, e->now);
}

/* ---- Calls ---- */

static void op_open(struct engine *e)
{
    struct engine_user *user = free_user(e);
    struct mn_tcp_open open = {.local = own(e), .remote = peer(e, mn_read_u8(&e->script))};
    struct mn_tcb *tcb = NULL;
    if (user != NULL && mn_tcp_open(e->tcp, &open, e->now, &tcb) == 0)
        *user = (struct engine_user){.tcb = tcb};
}

static void op_accept(struct engine *e)
{
    struct engine_user *user = free_user(e);
    if (e->listener == NULL || user == NULL)
        return;
    struct mn_tcb *tcb = mn_tcp_accept(e->listener);
    if (tcb != NULL)
        *user = (struct engine_user){.tcb = tcb};
}

static void op_unlisten(struct engine *e)
{
    if (e->listener != NULL && mn_read_u8(&e->script) % 4 == 0) {
        mn_tcp_unlisten(e->tcp, e->listener, e->now);
        e->listener = NULL;
    } else {
        listen_again(e);
    }
}

static void compare(struct engine_user *user, const uint8_t *bytes, size_t len)
{
    const struct mn_tcb *tcb = user->tcb;
    /* The first bytes: everything received is in the queue, lent, or read just now. */
    if (!user->reading)
        user->read = tcb->rcv_nxt - tcb->fin_received - tcb->recvq.bytes - MN_MAX(tcb->recvq.lent_bytes, (uint32_t)len);
    user->reading = true;
    for (size_t i = 0; i < len; i++)
        MN_ASSERT(bytes[i] == stream(user->read + (uint32_t)i));
    user->read += (uint32_t)len;
}

static void op_send(struct engine *e)
{
    static uint8_t bytes[65536];
    struct engine_user *user = some_user(e);
    uint8_t shape = mn_read_u8(&e->script);
    size_t len = shape & 1 ? mn_read_u16(&e->script) : shape;
    if (user->tcb == NULL)
        return;
    uint32_t seq = mn_sendq_end(&user->tcb->sendq);
    for (size_t i = 0; i < len; i++)
        bytes[i] = stream(seq + (uint32_t)i);
    ptrdiff_t taken = mn_tcp_send(e->tcp, user->tcb, bytes, len, (shape & 2) != 0, e->now);
    MN_ASSERT(taken <= (ptrdiff_t)len && (taken < 0 || !(shape & 2) || taken == (ptrdiff_t)len));
}

/* Sends bytes by reference, in a buffer that its owner drops at once. */
static void op_send_buffer(struct engine *e)
{
    struct engine_user *user = some_user(e);
    uint32_t len = 1 + mn_read_u8(&e->script) * 60u, offset = mn_read_u8(&e->script);
    struct mnet_buffer *buffer = mnet_buffer_alloc(e->memory);
    if (user->tcb != NULL && buffer != NULL) {
        uint32_t seq = mn_sendq_end(&user->tcb->sendq);
        for (uint32_t i = 0; i < len; i++)
            buffer->bytes[offset + i] = stream(seq + i);
        mn_tcp_send_buffer(e->tcp, user->tcb, buffer, offset, len, len & 1, e->now);
    }
    mnet_buffer_free(buffer);
}

static void op_receive(struct engine *e)
{
    static uint8_t bytes[65536];
    struct engine_user *user = some_user(e);
    size_t len = mn_read_u8(&e->script) * 256u;
    if (user->tcb == NULL)
        return;
    ptrdiff_t got = mn_tcp_receive(e->tcp, user->tcb, bytes, len, e->now);
    MN_ASSERT(got <= (ptrdiff_t)len);
    if (got > 0)
        compare(user, bytes, (size_t)got);
}

static void op_lend(struct engine *e)
{
    struct mnet_slice slices[3];
    struct engine_user *user = some_user(e);
    if (user->tcb == NULL)
        return;
    ptrdiff_t count = mn_tcp_lend(e->tcp, user->tcb, slices, 3);
    for (ptrdiff_t i = 0; i < count; i++)
        compare(user, slices[i].data, slices[i].len);
    if (mn_read_u8(&e->script) & 1)
        mn_tcp_return(e->tcp, user->tcb, e->now);
}

static void op_close(struct engine *e)
{
    struct engine_user *user = some_user(e);
    uint8_t how = mn_read_u8(&e->script) % 8;
    if (user->tcb == NULL)
        return;
    if (how >= MNET_SHUTDOWN_READ && how <= MNET_SHUTDOWN_BOTH) {
        mn_tcp_shutdown(e->tcp, user->tcb, (enum mnet_shutdown)how, e->now);
        return;
    }
    if (how == 0)
        mn_tcp_abort(e->tcp, user->tcb, e->now);
    else
        mn_tcp_close(e->tcp, user->tcb, e->now);
    user->tcb = NULL;
}

static void op_events(struct engine *e)
{
    struct mn_tcb *tcb;
    while ((tcb = mn_tcp_fetch_event(e->tcp)) != NULL) {
        bool known = false;
        for (int i = 0; i < USERS; i++)
            known |= e->users[i].tcb == tcb;
        MN_ASSERT(known); /* events are for users only */
        mn_tcp_refresh_ready(e->tcp, tcb);
        MN_ASSERT(mn_tcp_status(tcb) != MNET_E_UNREACHABLE || mn_tcp_unreachable(tcb) != MNET_UNREACHABLE_NONE);
    }
    while (mn_tcp_fetch_listener_event(e->tcp) != NULL)
        continue;
}

static void op_settings(struct engine *e)
{
    struct engine_user *user = some_user(e);
    uint8_t shape = mn_read_u8(&e->script);
    if (user->tcb != NULL)
        mn_tcp_set_no_delay(e->tcp, user->tcb, shape & 1);
}

/* Lets time pass: from a millisecond to many minutes, or up to the next deadline. */
static void op_time(struct engine *e)
{
    static const uint64_t steps[] = {1, 10, 41, 200, 1000, 5000, 61000, 200000};
    uint8_t shape = mn_read_u8(&e->script);
    uint64_t until = e->now + steps[shape % 8] * MNET_MILLISECOND;
    unsigned rounds = 0;
    for (uint64_t next; (next = mn_tcp_deadline(e->tcp)) < until;) {
        e->now = MN_MAX(next, e->now + 1000);
        expire(e);
        MN_ASSERT(++rounds < 100000);
        if (shape & 8)
            return;
        if (shape & 16)
            op_output(e);
    }
    e->now = MN_MAX(e->now, until);
    expire(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ops[])(struct engine *) = {
        op_segment, op_segment, op_sack,     op_ack,    op_sack,     op_connection, op_output,  op_output,
        op_raw,     op_icmp,    op_open,     op_accept, op_unlisten, op_send,       op_receive, op_lend,
        op_close,   op_events,  op_settings, op_time,   op_run,      op_run,        op_hog,     op_send_buffer};
    static struct engine e;
    memset(&e, 0, sizeof e);
    e.script = mn_reader(data, size);
    start(&e);
    size_t before = mnet_memory_used(e.memory);
    while (e.script.ok && mn_reader_left(&e.script) > 0) {
        ops[mn_read_u8(&e.script) % MN_COUNT_OF(ops)](&e);
        check(&e);
    }
    while (e.hogged_count > 0)
        mnet_packet_free(e.hogged[--e.hogged_count]);
    mn_tcp_destroy(e.tcp);
    mn_path_mtus_clear(&e.paths);
    MN_ASSERT(mnet_memory_used(e.memory) <= before);
    return 0;
}
