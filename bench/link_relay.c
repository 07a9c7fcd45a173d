/* A bad link between network namespaces, in user space and in real time: the frames of the
 * interfaces go through the paths of a simulated segment (mnet/sim.h), whose clock follows
 * the real one. So the same seed means the same fate for the n-th frame, whoever sent it.
 *
 *   link_relay ROLE:KIND:PID:INTERFACE...
 *
 * Each argument is an end. KIND says how its frames are had: `tap`, the interface of a kernel's
 * stack, whose other side this program is; or `packet`, a TAP interface whose other side another
 * program is, through a packet socket. PID is a process in the end's network namespace. ROLE is
 * `sender` or `receiver`: on the way to a receiver lies the bottleneck, on the way to a sender only
 * the delay, and the losses of acknowledgements. Addresses are resolved beside the link.
 *
 * Each line on standard input, KEY=VALUE..., makes a link anew, and is answered by "ready"; an
 * empty line is answered by "SENT LOST OVERFLOWED" of the way to the receivers. Keys: seed, rate
 * (bit/s), queue (bytes), delay, jitter, reorder_by (us), and in parts per million loss,
 * burst_enter, burst_leave, burst_loss, duplicate, reorder, ack_loss. Ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "ports/sim/internal.h"

#define ENDS_MAX 8
#define FRAME_MAX 65536
#define BATCH 64
#define SOCKET_BUFFER (16 << 20)

struct relay_end {
    bool receiver, packet;
    char name[IFNAMSIZ];
    int fd;
    uint8_t mac[ETH_ALEN];
    struct mnet_sim_host *host;
};

struct relay {
    struct relay_end ends[ENDS_MAX];
    unsigned count;
    struct mnet_sim *sim;
    uint64_t offset; /* of the real clock to the simulated one */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- Ends ---- */

static int open_tap(const struct relay_end *end)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    memcpy(request.ifr_name, end->name, IFNAMSIZ);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, 0ul) < 0)
        die(end->name);
    return fd;
}

static int open_packet(const struct relay_end *end)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_ll name = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(end->name)};
    /* Frames that arrive between two looks must find room. */
    int size = SOCKET_BUFFER;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0)
        die(end->name);
    return fd;
}

static void open_end(struct relay_end *end, char *text)
{
    const char *role = strsep(&text, ":"), *kind = strsep(&text, ":"), *pid = strsep(&text, ":");
    char path[64];
    if (text == NULL) {
        fprintf(stderr, "link_relay: an end is ROLE:KIND:PID:INTERFACE\n");
        exit(1);
    }
    end->receiver = strcmp(role, "receiver") == 0;
    end->packet = strcmp(kind, "packet") == 0;
    snprintf(end->name, sizeof end->name, "%s", text);
    snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0)
        die(path);
    close(space);
    end->fd = end->packet ? open_packet(end) : open_tap(end);
}

/* The length of the next frame that the end sent; 0 if there is none. */
static size_t read_end(const struct relay_end *end, uint8_t *frame)
{
    for (;;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof from;
        ssize_t len = end->packet ? recvfrom(end->fd, frame, FRAME_MAX, 0, (struct sockaddr *)&from, &size)
                                  : read(end->fd, frame, FRAME_MAX);
        if (len >= 0 && end->packet && from.sll_pkttype == PACKET_OUTGOING)
            continue; /* our own */
        return len >= ETH_HLEN ? (size_t)len : 0;
    }
}

static void write_end(const struct relay_end *end, const uint8_t *frame, size_t len)
{
    if (write(end->fd, frame, len) < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EIO && errno != ENETDOWN)
        die(end->name);
}

/* ---- The link ---- */

static uint64_t clock_ns(const struct relay *relay)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec - relay->offset;
}

struct link {
    uint64_t seed;
    struct mnet_sim_path there, back;
};

static void set_key(struct link *link, const char *key, uint64_t value)
{
    struct mnet_sim_path *there = &link->there, *back = &link->back;
    uint32_t ppm = (uint32_t)value;
    if (strcmp(key, "seed") == 0)
        link->seed = value;
    else if (strcmp(key, "rate") == 0)
        there->bandwidth_bps = value;
    else if (strcmp(key, "queue") == 0)
        there->queue_bytes = (size_t)value;
    else if (strcmp(key, "delay") == 0)
        there->delay_ns = back->delay_ns = value * MNET_MICROSECOND;
    else if (strcmp(key, "jitter") == 0)
        there->jitter_ns = back->jitter_ns = value * MNET_MICROSECOND;
    else if (strcmp(key, "reorder_by") == 0)
        there->reorder_ns = value * MNET_MICROSECOND;
    else if (strcmp(key, "reorder") == 0)
        there->reorder_ppm = ppm;
    else if (strcmp(key, "loss") == 0)
        there->loss_ppm = ppm;
    else if (strcmp(key, "burst_enter") == 0)
        there->burst_enter_ppm = ppm;
    else if (strcmp(key, "burst_leave") == 0)
        there->burst_leave_ppm = ppm;
    else if (strcmp(key, "burst_loss") == 0)
        there->burst_loss_ppm = ppm;
    else if (strcmp(key, "duplicate") == 0)
        there->duplicate_ppm = ppm;
    else if (strcmp(key, "ack_loss") == 0)
        back->loss_ppm = ppm;
    else
        fprintf(stderr, "link_relay: what is %s?\n", key);
}

/* All ways to receivers throw the same dice, and all ways to senders. */
static void seed_way(const struct relay_end *end, uint64_t seed)
{
    uint8_t bytes[MN_RANDOM_SEED] = {0};
    struct mn_random random;
    memcpy(bytes, &seed, sizeof seed);
    bytes[sizeof seed] = end->receiver;
    mn_random_init(&random, bytes);
    mn_sim_seed_path(&end->host->paths[MNET_SIM_RECEIVING], &random);
}

static void make_link(struct relay *relay, char *line)
{
    struct link link = {.seed = 1};
    for (char *word; (word = strsep(&line, " \n")) != NULL;) {
        char *key = strsep(&word, "=");
        if (word != NULL)
            set_key(&link, key, strtoull(word, NULL, 10));
    }
    mnet_sim_destroy(relay->sim);
    relay->sim = mnet_sim_create(link.seed);
    struct mnet_sim_segment *segment = relay->sim != NULL ? mnet_sim_segment(relay->sim) : NULL;
    for (unsigned i = 0; i < relay->count && segment != NULL; i++) {
        struct relay_end *end = &relay->ends[i];
        end->host = mnet_sim_host(relay->sim, end->name, NULL);
        if (end->host == NULL)
            exit(1);
        memcpy(mnet_sim_device(end->host)->mac, end->mac, ETH_ALEN);
        seed_way(end, link.seed);
        mnet_sim_attach(segment, end->host);
        mnet_sim_shape(end->host, MNET_SIM_RECEIVING, end->receiver ? &link.there : &link.back);
    }
    relay->offset = 0;
    relay->offset = clock_ns(relay) - mnet_sim_now(relay->sim);
}

/* One line; false at the end of input. */
static bool obey(struct relay *relay)
{
    char line[1024];
    ssize_t len = read(STDIN_FILENO, line, sizeof line - 1);
    if (len <= 0)
        return false;
    line[len] = '\0';
    if (line[0] != '\n') {
        make_link(relay, line);
        printf("ready\n");
    } else {
        struct mnet_sim_path_counts sum = {0};
        for (unsigned i = 0; i < relay->count; i++) {
            struct mnet_sim_path_counts counts = mnet_sim_counts(relay->ends[i].host, MNET_SIM_RECEIVING);
            sum.sent += relay->ends[i].receiver ? counts.sent : 0;
            sum.lost += relay->ends[i].receiver ? counts.lost : 0;
            sum.overflowed += relay->ends[i].receiver ? counts.overflowed : 0;
        }
        printf("%llu %llu %llu\n", (unsigned long long)sum.sent, (unsigned long long)sum.lost,
               (unsigned long long)sum.overflowed);
    }
    fflush(stdout);
    return true;
}

/* ---- Frames ---- */

static void deliver(struct relay *relay)
{
    static uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < relay->count; i++) {
        size_t len;
        while ((len = mnet_sim_receive(relay->ends[i].host, frame, sizeof frame)) > 0)
            write_end(&relay->ends[i], frame, len);
    }
}

/* Until the simulated clock has caught up with the real one. */
static void catch_up(struct relay *relay)
{
    uint64_t now = clock_ns(relay);
    while (mnet_sim_now(relay->sim) < now && mnet_sim_advance(relay->sim, now) <= now)
        deliver(relay);
    deliver(relay);
}

static void take_frame(struct relay *relay, struct relay_end *end, uint8_t *frame, size_t len)
{
    const struct ether_header *header = (const struct ether_header *)(const void *)frame;
    memcpy(end->mac, header->ether_shost, ETH_ALEN);
    if (ntohs(header->ether_type) == ETHERTYPE_ARP) {
        for (unsigned i = 0; i < relay->count; i++) {
            if (&relay->ends[i] != end)
                write_end(&relay->ends[i], frame, len);
        }
    } else if (ntohs(header->ether_type) == ETHERTYPE_IP && end->host != NULL) {
        memcpy(mnet_sim_device(end->host)->mac, end->mac, ETH_ALEN);
        mnet_sim_send(end->host, frame, len);
    }
}

static void take_frames(struct relay *relay, struct relay_end *end)
{
    static _Alignas(16) uint8_t frame[FRAME_MAX];
    size_t len;
    for (int i = 0; i < BATCH && (len = read_end(end, frame)) > 0; i++)
        take_frame(relay, end, frame, len);
}

/* Sleeps until a frame has come, one is due, or there is a line to read; false at the end of
 * input. */
static bool await(struct relay *relay)
{
    struct pollfd fds[ENDS_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    for (unsigned i = 0; i < relay->count; i++)
        fds[1 + i] = (struct pollfd){.fd = relay->ends[i].fd, .events = POLLIN};
    uint64_t due = relay->sim != NULL ? mn_sim_next_arrival(relay->sim) : MNET_NEVER, now = clock_ns(relay);
    uint64_t patience = due <= now ? 0 : MN_MIN(due - now, MNET_SECOND);
    struct timespec timeout = {.tv_sec = (time_t)(patience / MNET_SECOND), .tv_nsec = (long)(patience % MNET_SECOND)};
    ppoll(fds, 1 + relay->count, &timeout, NULL);
    if (relay->sim != NULL)
        catch_up(relay);
    for (unsigned i = 0; i < relay->count; i++) {
        if (fds[1 + i].revents != 0)
            take_frames(relay, &relay->ends[i]);
    }
    return fds[0].revents == 0 || obey(relay);
}

int main(int argc, char **argv)
{
    static struct relay relay;
    relay.count = (unsigned)MN_MIN(argc - 1, ENDS_MAX);
    for (unsigned i = 0; i < relay.count; i++)
        open_end(&relay.ends[i], argv[1 + i]);
    /* As punctual as can be had: not woken late, not kept waiting by others. */
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    while (await(&relay)) {
    }
    mnet_sim_destroy(relay.sim);
    return 0;
}
