/* Theory of operation. Each direction has a generator and at most one frame held back for
 * reordering. Decisions are made frame by frame in a fixed order, so a run can be repeated from its
 * seed. Sending: fragments may be shared with a send queue and checksums may be left to the device,
 * so a frame is copied and completed before it is changed. A frame held back goes out when enough
 * others have passed, or with the second call (of receiving, sending or waiting) that finds nothing
 * to overtake it. */
#include <stdlib.h>
#include <string.h>

#include <mnet/fault.h>

#include "base/base.h"
#include "base/packet_copy.h"
#include "base/random.h"
#include "stack/offload.h"

#define MILLION 1000000u
#define REORDER_MOST 4u
#define MADE_MOST 3 /* of one frame: itself, its duplicate, and the one held back */

struct direction {
    struct mnet_fault_rates rates;
    struct mn_random random;
    struct mnet_packet *held; /* owned */
    uint32_t overtakers;      /* frames that may still pass it */
    bool stale;               /* a call went by in which nothing passed it */
    /* Decided about, not yet passed on: comes before anything else. */
    struct mnet_packet *queue[MADE_MOST];
    int queued;
};

struct fault {
    struct mnet_device device;
    struct mnet_device *inner;
    struct direction tx, rx;
    struct mnet_fault_counts counts;
};

static bool happens(struct direction *d, uint32_t ppm)
{
    return ppm > 0 && mn_random_below(&d->random, MILLION) < ppm;
}

/* A copy that may be changed, with a complete checksum, in the place of `frame`; false, nothing
 * changed, if that cannot be. */
static bool make_changeable(struct fault *fault, struct mnet_packet **frame)
{
    struct mnet_memory *memory = fault->device.memory != NULL ? fault->device.memory : (*frame)->memory;
    if ((*frame)->total == 0 || mn_offload_is_large(*frame))
        return false;
    struct mnet_packet *copy = mn_packet_copy(*frame, memory);
    if (copy == NULL)
        return false;
    if (!mn_offload_complete(copy)) {
        mnet_packet_free(copy);
        return false;
    }
    copy->checksum = MNET_CHECKSUM_PLAIN;
    mnet_packet_free(*frame);
    *frame = copy;
    return true;
}

static void corrupt(struct fault *fault, struct direction *d, struct mnet_packet **frame)
{
    if (!happens(d, d->rates.corrupt_ppm) || !make_changeable(fault, frame))
        return;
    uint32_t bit = mn_random_below(&d->random, (*frame)->total * 8);
    uint8_t byte;
    mnet_packet_copy_out(*frame, bit / 8, &byte, 1);
    byte ^= (uint8_t)(1u << bit % 8);
    mnet_packet_copy_in(*frame, bit / 8, &byte, 1);
    fault->counts.corrupted++;
}

static void truncate_frame(struct fault *fault, struct direction *d, struct mnet_packet **frame)
{
    if (!happens(d, d->rates.truncate_ppm) || !make_changeable(fault, frame))
        return;
    mnet_packet_trim(*frame, mn_random_below(&d->random, (*frame)->total));
    fault->counts.truncated++;
}

/* Decides about one frame and puts the result into the queue, which is empty. */
static void pass(struct fault *fault, struct direction *d, struct mnet_packet *frame)
{
    if (happens(d, d->rates.drop_ppm)) {
        mnet_packet_free(frame);
        fault->counts.dropped++;
        return;
    }
    corrupt(fault, d, &frame);
    truncate_frame(fault, d, &frame);
    if (d->held == NULL && happens(d, d->rates.reorder_ppm)) {
        d->held = frame;
        d->overtakers = 1 + mn_random_below(&d->random, REORDER_MOST);
        d->stale = false;
        fault->counts.reordered++;
        return;
    }
    d->queue[d->queued++] = frame;
    if (happens(d, d->rates.duplicate_ppm)) {
        struct mnet_packet *copy = mn_packet_copy(frame, frame->memory);
        if (copy != NULL) {
            d->queue[d->queued++] = copy;
            fault->counts.duplicated++;
        }
    }
    if (d->held != NULL) {
        d->stale = false;
        if (--d->overtakers == 0) {
            d->queue[d->queued++] = d->held;
            d->held = NULL;
        }
    }
}

/* The frame held back, if a second call in a row has nothing to overtake it; else NULL. */
static struct mnet_packet *release_stale(struct direction *d)
{
    if (d->held == NULL)
        return NULL;
    if (!d->stale) {
        d->stale = true;
        return NULL;
    }
    struct mnet_packet *frame = d->held;
    d->held = NULL;
    return frame;
}

static struct fault *fault_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct fault, device);
}

static struct mnet_packet *take_queued(struct direction *d)
{
    struct mnet_packet *frame = d->queue[0];
    d->queued--;
    memmove(d->queue, d->queue + 1, (size_t)d->queued * sizeof d->queue[0]);
    return frame;
}

/* Offers the queue to the inner device. 0 when it is empty now, 1 if something is left, or the
 * device's error. */
static int flush(struct fault *fault)
{
    struct direction *d = &fault->tx;
    if (d->queued == 0)
        return 0;
    int taken = fault->inner->ops->tx(fault->inner, d->queue, d->queued);
    if (taken < 0)
        return taken;
    d->queued -= taken;
    memmove(d->queue, d->queue + taken, (size_t)d->queued * sizeof d->queue[0]);
    return d->queued > 0;
}

/* Called with everything that is asked of the device, so that a frame does not stay held back for
 * ever. */
static int send_stale(struct fault *fault)
{
    int state = flush(fault);
    if (state != 0)
        return state;
    struct mnet_packet *frame = release_stale(&fault->tx);
    if (frame == NULL)
        return 0;
    fault->tx.queue[fault->tx.queued++] = frame;
    return flush(fault);
}

static int fault_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct fault *fault = fault_of(device);
    struct direction *d = &fault->tx;
    int taken = 0;
    int state = send_stale(fault);
    while (state == 0 && taken < count) {
        if (happens(d, d->rates.refuse_ppm)) {
            fault->counts.refused++;
            break;
        }
        pass(fault, d, packets[taken++]);
        state = flush(fault);
    }
    device->tx_dropped = fault->inner->tx_dropped;
    return taken == 0 && state < 0 ? state : taken;
}

static int fault_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct fault *fault = fault_of(device);
    struct direction *d = &fault->rx;
    fault->inner->memory = device->memory;
    send_stale(fault);
    int count = 0, got = 1;
    while (count < max) {
        if (d->queued > 0) {
            packets[count++] = take_queued(d);
            continue;
        }
        if (happens(d, d->rates.refuse_ppm)) {
            fault->counts.refused++;
            break;
        }
        struct mnet_packet *frame;
        got = fault->inner->ops->rx(fault->inner, &frame, 1);
        if (got <= 0)
            break;
        pass(fault, d, frame);
    }
    struct mnet_packet *stale = count == 0 ? release_stale(d) : NULL;
    if (stale != NULL)
        packets[count++] = stale;
    device->rx_dropped = fault->inner->rx_dropped;
    device->link_down = fault->inner->link_down;
    return count == 0 && got < 0 ? got : count;
}

static void fault_wait(struct mnet_device *device, uint64_t deadline)
{
    struct fault *fault = fault_of(device);
    send_stale(fault);
    bool pending = fault->rx.held != NULL || fault->rx.queued > 0;
    if (!pending)
        fault->inner->ops->wait(fault->inner, deadline);
}

static void clear(struct direction *d)
{
    while (d->queued > 0)
        mnet_packet_free(take_queued(d));
    mnet_packet_free(d->held);
    d->held = NULL;
}

static void fault_close(struct mnet_device *device)
{
    struct fault *fault = fault_of(device);
    clear(&fault->tx);
    clear(&fault->rx);
    fault->inner->ops->close(fault->inner);
    free(fault);
}

static const struct mnet_device_ops fault_ops = {fault_rx, fault_tx, fault_wait, fault_close};

static void seed_direction(struct direction *d, uint64_t seed, uint8_t which)
{
    uint8_t bytes[MN_RANDOM_SEED] = {0};
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> 8 * i);
    bytes[8] = which;
    mn_random_init(&d->random, bytes);
}

struct mnet_device *mnet_fault_open(struct mnet_device *inner, const struct mnet_fault_options *options)
{
    struct fault *fault = calloc(1, sizeof *fault);
    if (fault == NULL)
        return NULL;
    fault->device = *inner;
    fault->device.ops = &fault_ops;
    fault->inner = inner;
    fault->tx.rates = options->tx;
    fault->rx.rates = options->rx;
    seed_direction(&fault->tx, options->seed, 1);
    seed_direction(&fault->rx, options->seed, 2);
    return &fault->device;
}

void mnet_fault_set(struct mnet_device *device, const struct mnet_fault_rates *tx, const struct mnet_fault_rates *rx)
{
    struct fault *fault = fault_of(device);
    fault->tx.rates = *tx;
    fault->rx.rates = *rx;
}

struct mnet_fault_counts mnet_fault_counts(const struct mnet_device *device)
{
    return MN_CONTAINER(device, const struct fault, device)->counts;
}
