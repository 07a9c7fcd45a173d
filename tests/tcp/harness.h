/* A script harness for the TCP engine: one engine in virtual time. The test plays its peer.
 *
 *     struct tcp_test t;
 *     tcp_established(&t, .window = 1000);
 *     send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
 *     wait_ms(&t, 40);
 *     expect(&t, .seq = 1, .ack = 4, .flags = ACK);
 *     read_text(&t, "abc");
 *     tcp_end(&t);
 *
 * Sequence numbers are relative: the engine's to its ISS, the peer's to its own (`irs`). The SYNs
 * have number 0. The harness pulls each segment of the engine at once, at the virtual time of its
 * cause, and verifies it as a packet. The segment then waits for expect(), which takes segments in
 * order.
 *
 * All scripts run over IPv4 and over IPv6 from one source: a program runs over IPv6 if the
 * environment has TCP_TEST_FAMILY=ipv6. A script's numbers are of text, so they are the same over
 * both: the link carries segments of MSS bytes, and its MTU follows from the family. Sizes of
 * packets are written as link_mtu(text), and hosts as endpoint(10, 0, 0, 1, port). A script about
 * one family is listed as over_ipv4(script) or over_ipv6(script).
 */
#ifndef TESTS_TCP_HARNESS_H
#define TESTS_TCP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "base/random.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"
#include "tests/support/family.h"
#include "wire/tcp.h"

/* The fields of a script line override the defaults. */
#pragma GCC diagnostic ignored "-Woverride-init"

enum {
    FIN = MN_TCP_FIN,
    SYN = MN_TCP_SYN,
    RST = MN_TCP_RST,
    PSH = MN_TCP_PSH,
    ACK = MN_TCP_ACK,
    URG = MN_TCP_URG,
    ECE = MN_TCP_ECE,
    CWR = MN_TCP_CWR
};

enum {
    ANY = -1,
    NO = -2
};

#define MSS 1460u /* of the link: its MTU is 1500 over IPv4, 1520 over IPv6 */
/* MUST-15: of a peer that announces none */
#define DEFAULT_MSS (tcp_family() == IPV4 ? 536 : 1220)
#define PEER_TS 0x7ffff000u /* the peer's first timestamp; the sign changes after four seconds */
#define LOCAL_PORT 80
#define REMOTE_PORT 49152
#define SCRIPT_TEXT_MAX 65536u

/* One segment on the wire, parsed, or the fields that a script line gives. */
struct tcp_line {
    struct tcp_test *t;
    uint32_t seq, ack; /* relative */
    int flags;         /* expect: PSH is compared only through .psh */
    const char *data;  /* text, or NULL: `len` bytes of the pattern of the stream position */
    int len;           /* ANY: not compared */
    int window;        /* send: as on the wire; expect: ANY by default */
    int mss, shift;    /* options; NO: absent; expect: ANY by default */
    int permit;        /* the option SACK permitted: present or not; expect: ANY by default */
    int sacks;         /* the number of SACK blocks; expect: ANY by default */
    /* Relative to our ISS (send) or the peer's (expect). */
    struct mn_tcp_sack_block sack[MN_TCP_SACK_BLOCKS];
    int psh; /* expect: ANY, true or false */
    int urgent;
    /* Timestamps, relative to the first one of each side. NO: the option is absent. ANY: send takes
     * the time and the last value of the engine; expect does not compare. */
    int64_t ts_value, ts_echo;
    const uint8_t *options; /* send: raw bytes instead of options, a multiple of four */
    size_t options_len;
    int ecn; /* the codepoint of the IP header; expect: ANY by default */
    bool bad_checksum;
    bool verified;                 /* send: as if the device had verified the checksum */
    struct mnet_endpoint from, to; /* send, expect: ends other than the usual ones */
};

struct tcp_output {
    struct tcp_output *next;
    uint64_t when;
    struct mn_tcp_header header;
    struct mnet_endpoint from, to;
    struct mn_datagram datagram;
    uint32_t len;
    uint16_t gso_size;
    uint8_t *bytes; /* the whole segment with a complete checksum; `len` bytes of text at its end */
    uint32_t total;
};

struct tcp_test {
    void *region;
    size_t region_bytes;
    struct mnet_memory *memory;
    size_t memory_before;
    struct mnet_counters counters;
    struct mn_random random;
    struct mn_wheel path_wheel;
    struct mn_path_mtus paths; /* of the host */
    struct mn_tcp_config config;
    struct mn_tcp *tcp;
    struct mn_tcb *tcb;
    struct mn_listener *listener;
    struct mnet_endpoint local, remote;
    uint64_t now, epoch;
    bool iss_known;
    uint32_t iss;    /* the engine's, learned from its first SYN on the usual connection */
    uint32_t irs;    /* the peer's */
    bool timestamps; /* of the peer, from its SYN on */
    /* The engine's first timestamp on the usual connection, and its last. */
    uint32_t ts_base, ts_last;
    uint64_t ts_epoch; /* the time at which the peer's clock showed 0 */
    struct tcp_output *first, **last;
    struct tcp_output seen; /* the last segment that expect() matched; `bytes` is NULL */
    bool hold_output;       /* nothing is pulled while set */
};

/* The family that the program runs over, and a way to choose another. */
enum family tcp_family(void);
void tcp_set_family(enum family family);

/* Whether the engines that begin from now on take the short ways of calm connections (tcp/calm.c).
 * At first they do. */
void tcp_set_short_ways(bool taken);
/* In the same way, with or without the records of connections at rest. */
void tcp_set_records_at_rest(bool made);

/* Setup of an engine and its connection. The macros below set the defaults. Reno is one of them,
 * because its windows are easy to count. */
struct tcp_setup {
    struct tcp_test *t;
    size_t memory; /* bytes of the whole memory; 0: 64 MiB */
    uint32_t send_buffer, receive_buffer;
    uint32_t gso_max;
    unsigned connections_max, orphans_max, half_open_max, time_wait_max, backlog;
    enum mnet_backlog_policy policy;
    uint64_t user_timeout_ns;
    bool user_timeout_option;
    uint16_t mtu; /* 0: its packets carry segments of MSS bytes */
    bool no_delay;
    bool no_syn_cookies;
    bool no_plpmtud;
    bool no_shedding;
    bool no_sack; /* for the engine */
    bool sack;    /* the peer's SYN permits selective acknowledgements */
    enum mnet_congestion congestion;
    enum mnet_ecn ecn;
    bool active;     /* the engine opens the connection */
    int mss, shift;  /* options of the peer's SYN; NO: absent */
    bool timestamps; /* of the peer's SYN */
    uint8_t offer;   /* options that the engine offers */
    int window;      /* window in the peer's SYN and in its ACK */
    unsigned rtt_ms; /* time until the peer answers the SYN (SYN,ACK) */
    uint32_t irs;
    bool has_iss;
    uint32_t iss; /* the time is chosen to give this ISS */
    uint8_t seed;
};

#define TCP_SETUP(...) \
    (struct tcp_setup) \
    { \
        .send_buffer = 1u << 20, .receive_buffer = 65535, .connections_max = 1000, .orphans_max = 1000, \
        .half_open_max = 256, .time_wait_max = 256, .user_timeout_ns = 120 * MNET_SECOND, .mss = (int)MSS, \
        .shift = NO, .offer = MN_TCP_OPTION_WINDOW_SCALE | MN_TCP_OPTION_TIMESTAMPS | MN_TCP_OPTION_SACK_PERMITTED, \
        .window = 65535, .irs = 5000, .congestion = MNET_CONGESTION_RENO, .t = __VA_ARGS__ \
    }

/* Make an engine with nothing in it, with a listener, or with a connection in some state. The state
 * is reached by segments and user calls alone. Connections are passive opens unless .active is set.
 * FIN-WAIT-1 and FIN-WAIT-2 are reached by shutdown of writing, so their user still reads. In
 * LAST-ACK, CLOSING and TIME-WAIT the user has shut down writing, too, and still holds the tcb. */
#define tcp_closed(...) tcp_setup(TCP_SETUP(__VA_ARGS__))
#define tcp_listen(...) tcp_reach(MN_LISTEN, TCP_SETUP(__VA_ARGS__))
#define tcp_syn_sent(...) tcp_reach(MN_SYN_SENT, TCP_SETUP(__VA_ARGS__))
/* By simultaneous open if .active is set; otherwise a half-open record. */
#define tcp_syn_received(...) tcp_reach(MN_SYN_RECEIVED, TCP_SETUP(__VA_ARGS__))
#define tcp_established(...) tcp_reach(MN_ESTABLISHED, TCP_SETUP(__VA_ARGS__))
#define tcp_fin_wait_1(...) tcp_reach(MN_FIN_WAIT_1, TCP_SETUP(__VA_ARGS__))
#define tcp_fin_wait_2(...) tcp_reach(MN_FIN_WAIT_2, TCP_SETUP(__VA_ARGS__))
#define tcp_close_wait(...) tcp_reach(MN_CLOSE_WAIT, TCP_SETUP(__VA_ARGS__))
#define tcp_closing(...) tcp_reach(MN_CLOSING, TCP_SETUP(__VA_ARGS__))
#define tcp_last_ack(...) tcp_reach(MN_LAST_ACK, TCP_SETUP(__VA_ARGS__))
#define tcp_time_wait(...) tcp_reach(MN_TIME_WAIT, TCP_SETUP(__VA_ARGS__))

void tcp_setup(struct tcp_setup setup);
void tcp_reach(enum mn_tcp_state state, struct tcp_setup setup);
/* Frees everything. Fails if the engine left memory behind, but not if output waits: call
 * expect_nothing before. */
void tcp_end(struct tcp_test *t);

/* The cache of paths begins, with a link of this MTU; its timers expire. */
void tcp_start_paths(struct tcp_test *t, uint16_t mtu);
void tcp_expire_paths(struct tcp_test *t);

/* Script lines. */
#define send_(...) \
    script_send( \
        (struct tcp_line){.window = 65535, .mss = NO, .shift = NO, .ts_value = ANY, .ts_echo = ANY, .t = __VA_ARGS__})
#define expect(...) \
    script_expect(__FILE__, __LINE__, \
                  (struct tcp_line){.window = ANY, \
                                    .mss = ANY, \
                                    .shift = ANY, \
                                    .permit = ANY, \
                                    .sacks = ANY, \
                                    .psh = ANY, \
                                    .urgent = ANY, \
                                    .ecn = ANY, \
                                    .ts_value = ANY, \
                                    .ts_echo = ANY, \
                                    .t = __VA_ARGS__})
#define expect_nothing(t) script_expect_nothing(__FILE__, __LINE__, t)
#define expect_state(t, state) script_expect_state(__FILE__, __LINE__, t, state)
void script_send(struct tcp_line line);
void script_expect(const char *file, int at, struct tcp_line line);
void script_expect_nothing(const char *file, int at, struct tcp_test *t);
void script_expect_state(const char *file, int at, struct tcp_test *t, enum mn_tcp_state state);
/* Gives the engine any bytes as a segment from the peer. The checksum stays as it is. */
void send_raw(struct tcp_test *t, const void *bytes, size_t len, enum mnet_checksum checksum, bool not_unicast);
/* Writes the bytes of the segment that a line describes. Returns their number. */
size_t tcp_compose(const struct tcp_line *line, uint8_t *to);
/* Returns the first waiting segment without consuming it, or NULL if there is none. */
const struct tcp_output *peek_output(struct tcp_test *t);
/* Throws all waiting segments away. Returns their number, and stores the number of their bytes of
 * text. */
unsigned drain(struct tcp_test *t, uint32_t *bytes);

/* wait_ms lets so many milliseconds pass, and at_ms goes on to so many milliseconds after mark().
 * Timers expire at their times, and their output is pulled then. */
void wait_ns(struct tcp_test *t, uint64_t ns);
void wait_ms(struct tcp_test *t, uint64_t ms);
void mark(struct tcp_test *t);
void at_ms(struct tcp_test *t, uint64_t ms);
/* Pulls all output of the engine. Every line of a script calls it. */
void pump(struct tcp_test *t);

/* Makes `count` allocations in a row fail, after `after` more allocations, among those that the
 * engine of `t` makes. For one engine at a time. Returns the number of allocations since the last
 * call. */
uint64_t famine(struct tcp_test *t, uint64_t after, uint64_t count);
/* A stack asks an engine that found no packet again after this time. */
#define RETRY_NS (5 * MNET_MILLISECOND)

/* The user's calls. */
void open_active(struct tcp_test *t);
#define accept_(t) script_accept(__FILE__, __LINE__, t)
void script_accept(const char *file, int at, struct tcp_test *t);
/* Queue a text, all of which must fit the send buffer, or `len` bytes of the pattern behind the
 * bytes already queued. */
void write_text(struct tcp_test *t, const char *text);
void write_bytes(struct tcp_test *t, uint32_t len);
#define read_text(t, text) script_read_text(__FILE__, __LINE__, t, text)
/* Reads once with room for more, and expects this result. If it is positive, the bytes are compared
 * with the pattern from `position` on. */
#define read_result(t, result) script_read_result(__FILE__, __LINE__, t, result)
#define read_pattern(t, position, len) script_read_pattern(__FILE__, __LINE__, t, position, len)
void script_read_text(const char *file, int at, struct tcp_test *t, const char *text);
void script_read_result(const char *file, int at, struct tcp_test *t, ptrdiff_t result);
void script_read_pattern(const char *file, int at, struct tcp_test *t, uint32_t position, uint32_t len);
void close_(struct tcp_test *t);
void abort_(struct tcp_test *t);
void shutdown_(struct tcp_test *t, enum mnet_shutdown how);
/* The host learns how large packets to the usual peer may be, as from a message about UDP. */
void learn_path_mtu(struct tcp_test *t, uint16_t mtu);
/* Delivers an ICMP error that quotes a segment of ours with this relative sequence number. */
void icmp_(struct tcp_test *t, enum mn_unreachable reason, uint32_t mtu, uint32_t seq);

/* Returns the state of the usual connection in the engine's table, or CLOSED if it has none. */
enum mn_tcp_state tcp_state(struct tcp_test *t);
/* Returns the byte of the pattern at a position of the stream, which is the relative sequence
 * number less one. */
static inline uint8_t pattern(uint32_t position)
{
    return (uint8_t)(position * 167u + (position >> 8) * 13u + 7u);
}
static inline struct mnet_endpoint endpoint(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct mnet_endpoint){.address = family_host(tcp_family(), a, b, c, d), .port = port};
}
static inline struct mnet_endpoint group(uint8_t number, uint16_t port)
{
    return (struct mnet_endpoint){.address = family_group(tcp_family(), number), .port = port};
}
/* Returns the MTU of packets that carry segments with `text` bytes of text and options. */
static inline uint16_t link_mtu(uint32_t text)
{
    return (uint16_t)(family_ip_header(tcp_family()) + MN_TCP_HEADER + text);
}
/* Defines a script. main lists the scripts, and runs those that are about its family. */
#define SCRIPT(name) static void name(void **context __attribute__((unused)))
#define over_ipv4(script) cmocka_unit_test_prestate(script, &only_over_ipv4)
#define over_ipv6(script) cmocka_unit_test_prestate(script, &only_over_ipv6)
#define run_scripts(name, scripts) run_some_scripts(name, scripts, MN_COUNT_OF(scripts))
extern char only_over_ipv4, only_over_ipv6;
int run_some_scripts(const char *name, const struct CMUnitTest *scripts, size_t count);
#define counted(t, name) ((t)->counters.value[MNET_COUNT_##name])

#define assert_usage(t, name, n) assert_int_equal(mn_tcp_usage((t)->tcp).name, n)

#endif
