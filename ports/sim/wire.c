/* Theory of operation. A frame travels over two paths: from its host to the segment, and from there
 * to each host it is for. On each it first waits until the frames before it have been sent
 * (bandwidth; a full queue loses it), then things happen to it by chance, and it arrives after the
 * delay. The fate of a frame is decided when it enters a path, by the path's own generator,
 * so changing one path does not shift the dice of another. A perfect path passes frames on at once,
 * within the call that sent them.
 */
#include <stdlib.h>
#include <string.h>

#include "ports/sim/router.h"
#include "wire/spread.h"

#define MILLION 1000000u
#define CARD_QUEUE_BYTES (256u * 1024u) /* bytes that a card takes while its path is busy */
#define QUEUE_MOST ((size_t)1 << 40)

__extension__ typedef unsigned __int128 wide;

static void arrive_one(struct mn_sim_flight *flight);

struct mn_sim_flight *mn_sim_flight(struct mnet_sim_host *host, size_t len)
{
    struct mn_sim_flight *flight = malloc(sizeof *flight + len);
    if (flight != NULL)
        *flight = (struct mn_sim_flight){.host = host, .len = (uint32_t)len, .metadata = {.segments = 1}};
    return flight;
}

static struct mn_sim_flight *copy_of(const struct mn_sim_flight *flight)
{
    struct mn_sim_flight *copy = malloc(sizeof *copy + flight->len);
    if (copy != NULL)
        memcpy(copy, flight, sizeof *copy + flight->len);
    return copy;
}

void mn_sim_seed_path(struct mn_sim_path *path, struct mn_random *random)
{
    uint8_t seed[MN_RANDOM_SEED];
    mn_random_bytes(random, seed, sizeof seed);
    mn_random_init(&path->random, seed);
}

/* ---- Frames in flight ---- */

static bool before(const struct mn_sim_flight *a, const struct mn_sim_flight *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static bool heap_push(struct mnet_sim *sim, struct mn_sim_flight *flight)
{
    if (sim->heap_count == sim->heap_capacity) {
        size_t capacity = sim->heap_capacity == 0 ? 256 : 2 * sim->heap_capacity;
        struct mn_sim_flight **heap = realloc(sim->heap, capacity * sizeof *heap);
        if (heap == NULL)
            return false;
        sim->heap = heap;
        sim->heap_capacity = capacity;
    }
    size_t i = sim->heap_count++;
    for (; i > 0 && before(flight, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = flight;
    return true;
}

static struct mn_sim_flight *heap_pop(struct mnet_sim *sim)
{
    struct mn_sim_flight *first = sim->heap[0];
    struct mn_sim_flight *last = sim->heap[--sim->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < sim->heap_count && before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (child >= sim->heap_count || !before(sim->heap[child], last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return first;
}

uint64_t mn_sim_next_arrival(const struct mnet_sim *sim)
{
    return sim->heap_count > 0 ? sim->heap[0]->at : MNET_NEVER;
}

void mn_sim_arrive(struct mnet_sim *sim)
{
    while (mn_sim_next_arrival(sim) <= sim->now)
        arrive_one(heap_pop(sim));
}

void mn_sim_set_alarm(struct mnet_sim_host *card, uint64_t at)
{
    struct mn_sim_flight *alarm = mn_sim_flight(card, 0);
    if (alarm == NULL)
        return;
    alarm->stage = MN_SIM_ALARM;
    alarm->at = at;
    alarm->order = card->sim->order++;
    if (!heap_push(card->sim, alarm))
        free(alarm);
}

void mn_sim_drop_all(struct mnet_sim *sim)
{
    while (sim->heap_count > 0)
        free(sim->heap[--sim->heap_count]);
    free(sim->heap);
    sim->heap = NULL;
    sim->heap_capacity = 0;
}

/* ---- Paths ---- */

static bool happens(struct mn_sim_path *path, uint32_t ppm)
{
    return ppm > 0 && mn_random_below(&path->random, MILLION) < ppm;
}

/* How long `bytes` take. */
static uint64_t duration(const struct mn_sim_path *path, uint64_t bytes)
{
    uint64_t bps = path->shape.bandwidth_bps;
    return bps == 0 ? 0 : (uint64_t)((wide)bytes * 8 * MNET_SECOND / bps);
}

static uint64_t backlog(const struct mn_sim_path *path, uint64_t now)
{
    return path->busy_until > now ? path->busy_until - now : 0;
}

bool mn_sim_has_room(const struct mnet_sim_host *host)
{
    const struct mn_sim_path *path = &host->paths[MNET_SIM_SENDING];
    uint64_t waiting = backlog(path, host->sim->now);
    return path->shape.queue_bytes > 0 || waiting == 0 || waiting < duration(path, CARD_QUEUE_BYTES);
}

/* Bytes on the wire: a large frame is as many segments, each with its headers. */
static uint64_t wire_bytes(const struct mn_sim_flight *flight)
{
    if (flight->metadata.gso == MNET_GSO_NONE)
        return flight->len;
    uint32_t tcp = flight->metadata.csum_start;
    uint32_t headers = tcp + 12 < flight->len ? tcp + (uint32_t)(flight->bytes[tcp + 12] >> 4) * 4 : flight->len;
    uint32_t payload = flight->len > headers ? flight->len - headers : 0;
    uint32_t segments = (payload + flight->metadata.gso_size - 1) / flight->metadata.gso_size;
    return flight->len + (uint64_t)headers * (MN_MAX(segments, 1u) - 1);
}

static bool overflows(const struct mn_sim_path *path, const struct mn_sim_flight *flight, uint64_t now)
{
    uint64_t waiting = backlog(path, now);
    if (path->shape.queue_bytes == 0 || waiting == 0)
        return false;
    uint64_t limit = duration(path, MN_MIN(path->shape.queue_bytes, QUEUE_MOST));
    return waiting + duration(path, wire_bytes(flight)) > limit;
}

void mnet_sim_plug(struct mnet_sim_host *host, bool in)
{
    for (struct mnet_sim_host *core = host->first; core != NULL; core = core->next_core)
        core->device.link_down = !in;
    host->sim->fresh = true; /* the stacks look first */
}

static bool is_lost(struct mn_sim_path *path)
{
    if (path->shape.down)
        return true;
    if (path->bad)
        path->bad = !happens(path, path->shape.burst_leave_ppm);
    else
        path->bad = happens(path, path->shape.burst_enter_ppm);
    bool in_burst = path->bad && happens(path, path->shape.burst_loss_ppm);
    return happens(path, path->shape.loss_ppm) || in_burst;
}

static bool too_big(const struct mn_sim_path *path, const struct mn_sim_flight *flight)
{
    return path->shape.mtu != 0 && flight->metadata.gso == MNET_GSO_NONE && flight->len > path->shape.mtu + 14u;
}

static void corrupt(struct mn_sim_path *path, struct mn_sim_flight *flight)
{
    if (flight->len == 0 || !happens(path, path->shape.corrupt_ppm))
        return;
    uint32_t bit = mn_random_below(&path->random, flight->len * 8);
    flight->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    path->counts.corrupted++;
}

/* Sends the frame on its way, to arrive after it has been sent and the delay has passed. */
static void depart(struct mn_sim_path *path, struct mn_sim_flight *flight, uint64_t sent)
{
    struct mnet_sim *sim = flight->host->sim;
    flight->at = sent + path->shape.delay_ns;
    if (path->shape.jitter_ns > 0)
        flight->at += mn_random_u64(&path->random) % (path->shape.jitter_ns + 1);
    flight->at = MN_MAX(flight->at, path->last_arrival);
    path->last_arrival = flight->at;
    if (happens(path, path->shape.reorder_ppm)) {
        flight->at += path->shape.reorder_ns;
        path->counts.reordered++;
    }
    flight->order = sim->order++;
    if (flight->at <= sim->now && (sim->heap_count == 0 || sim->heap[0]->at > sim->now))
        arrive_one(flight);
    else if (!heap_push(sim, flight))
        free(flight);
}

/* Puts the frame on one of the paths of its host. */
static void enter(struct mn_sim_flight *flight, enum mnet_sim_direction direction)
{
    uint64_t now = flight->host->sim->now;
    struct mn_sim_path *path = &flight->host->paths[direction];
    path->counts.sent++;
    path->counts.bytes += wire_bytes(flight);
    if (too_big(path, flight) || overflows(path, flight, now)) {
        if (too_big(path, flight))
            path->counts.too_big++;
        else
            path->counts.overflowed++;
        free(flight);
        return;
    }
    /* A frame gets lost on the way: it takes its time in sending like any other. */
    path->busy_until = MN_MAX(path->busy_until, now) + duration(path, wire_bytes(flight));
    uint64_t sent = path->busy_until;
    if (is_lost(path) || flight->host->device.link_down) {
        path->counts.lost++;
        free(flight);
        return;
    }
    corrupt(path, flight);
    struct mn_sim_flight *duplicate = happens(path, path->shape.duplicate_ppm) ? copy_of(flight) : NULL;
    depart(path, flight, sent);
    if (duplicate != NULL) {
        path->counts.duplicated++;
        depart(path, duplicate, sent);
    }
}

static void watch(const struct mn_sim_flight *flight, enum mnet_sim_direction direction)
{
    const struct mnet_sim *sim = flight->host->sim;
    if (sim->watch != NULL)
        sim->watch(sim->watch_context, sim->now, flight->host, direction, flight->bytes, flight->len);
}

void mn_sim_put(struct mn_sim_flight *flight)
{
    flight->stage = MN_SIM_TO_SEGMENT;
    watch(flight, MNET_SIM_SENDING);
    enter(flight, MNET_SIM_SENDING);
}

/* ---- Segments ---- */

static bool has_address(const struct mnet_sim_host *host, const uint8_t *mac)
{
    return memcmp(host->device.mac, mac, sizeof host->device.mac) == 0;
}

/* Returns true if a frame sent by `from` to `destination` reaches `to`, another host of its
 * segment. */
static bool reaches(const struct mnet_sim_host *from, const struct mnet_sim_host *to, const uint8_t *destination)
{
    if (from->segment->host_count == 2 || (destination[0] & 1) != 0 || has_address(to, destination))
        return true;
    for (const struct mnet_sim_host *host = from->segment->hosts; host != NULL; host = host->next_on_segment) {
        if (host != from && has_address(host, destination))
            return false;
    }
    return true;
}

/* Frames shorter than an address go nowhere in particular: to all. */
static const uint8_t *destination_of(const struct mn_sim_flight *flight)
{
    return flight->len >= sizeof(struct mn_mac) ? flight->bytes : mn_mac_broadcast.bytes;
}

static void forward(struct mn_sim_flight *flight)
{
    struct mnet_sim_host *from = flight->host;
    struct mnet_sim_host *last = NULL; /* takes the frame itself, the others take copies */
    flight->stage = MN_SIM_TO_HOST;
    struct mnet_sim_host *host = from->segment != NULL ? from->segment->hosts : NULL;
    for (; host != NULL; host = host->next_on_segment) {
        if (host == from || !reaches(from, host, destination_of(flight)))
            continue;
        struct mn_sim_flight *copy = last != NULL ? copy_of(flight) : NULL;
        if (copy != NULL) {
            copy->host = last;
            enter(copy, MNET_SIM_RECEIVING);
        }
        last = host;
    }
    flight->host = last;
    if (last != NULL)
        enter(flight, MNET_SIM_RECEIVING);
    else
        free(flight);
}

/* Takes ownership; without memory there is nothing to take. */
static void put_received(struct mnet_sim_host *host, struct mn_sim_flight *flight)
{
    if (host->closed || flight == NULL) {
        free(flight);
        return;
    }
    flight->next = NULL;
    *host->received_end = flight;
    host->received_end = &flight->next;
    host->sim->fresh = true;
}

/* To one of several cores, or to all of them. */
static void spread(struct mnet_sim_host *first, struct mn_sim_flight *flight)
{
    uint16_t owner = first->spreads_nothing ? MN_SPREAD_ALL
                                            : mn_spread_frame(flight->bytes, flight->len, first->device.queues);
    for (struct mnet_sim_host *core = first; core != NULL; core = core->next_core) {
        if (owner == MN_SPREAD_ALL || owner == core->device.queue)
            put_received(core, copy_of(flight));
    }
    free(flight);
}

static void receive(struct mn_sim_flight *flight)
{
    struct mnet_sim_host *host = flight->host;
    watch(flight, MNET_SIM_RECEIVING);
    if (host->device.link_down) {
        host->paths[MNET_SIM_RECEIVING].counts.lost += !host->closed;
        free(flight);
    } else if (host->interface != NULL && !host->closed) {
        mn_sim_router_receive(host->interface, flight);
    } else if (host->next_core != NULL) {
        spread(host, flight);
    } else {
        put_received(host, flight);
    }
}

static void arrive_one(struct mn_sim_flight *flight)
{
    switch (flight->stage) {
    case MN_SIM_TO_SEGMENT: forward(flight); break;
    case MN_SIM_TO_HOST: receive(flight); break;
    case MN_SIM_ALARM: {
        struct mnet_sim_router *router = flight->host->interface->router;
        free(flight);
        mn_sim_router_alarm(router);
        break;
    }
    }
}

/* Returns true if nothing on the path depends on where one segment ends and the next begins. */
static bool is_clean(const struct mn_sim_path *path)
{
    const struct mnet_sim_path *s = &path->shape;
    return s->queue_bytes == 0 && s->mtu == 0 && !path->bad &&
           (s->loss_ppm | s->burst_enter_ppm | s->duplicate_ppm | s->corrupt_ppm | s->reorder_ppm) == 0;
}

bool mn_sim_carries(const struct mnet_sim_host *host, const uint8_t *destination, uint32_t needed)
{
    bool clean_only = (needed & (MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)) != 0;
    const struct mn_sim_path *sending = &host->paths[MNET_SIM_SENDING];
    if (sending->shape.corrupt_ppm > 0 || (clean_only && !is_clean(sending)) || host->segment == NULL)
        return false;
    for (const struct mnet_sim_host *to = host->segment->hosts; to != NULL; to = to->next_on_segment) {
        if (to == host || !reaches(host, to, destination))
            continue;
        const struct mn_sim_path *receiving = &to->paths[MNET_SIM_RECEIVING];
        if ((to->device.rx_offload & needed) != needed || receiving->shape.corrupt_ppm > 0 ||
            (clean_only && !is_clean(receiving)))
            return false;
    }
    return true;
}
