/* The network card of a simulated host: turns packets into frames on the wire, with the
 * offloads that it promises to the stack, and back. */
#include <stdlib.h>
#include <string.h>

#include "ports/sim/internal.h"
#include "stack/offload.h"

static struct mnet_sim_host *host_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct mnet_sim_host, device);
}

/* The host whose paths the device uses: the first of several cores. */
static struct mnet_sim_host *card_of(struct mnet_device *device)
{
    return host_of(device)->first;
}

/* ---- Sending ---- */

/* Puts the packet's bytes and metadata on the wire as they are. False if there is no memory. */
static bool put_packet(struct mnet_sim_host *host, const struct mnet_packet *packet)
{
    struct mn_sim_flight *flight = mn_sim_flight(host, packet->total);
    if (flight == NULL)
        return false;
    mnet_packet_copy_out(packet, 0, flight->bytes, packet->total);
    flight->metadata = mn_packet_metadata(packet);
    mn_sim_put(flight);
    return true;
}

static bool put_segment(struct mnet_sim_host *host, struct mnet_packet *packet, const uint8_t *destination)
{
    if (packet->checksum == MNET_CHECKSUM_PARTIAL && !mn_sim_carries(host, destination, MNET_OFFLOAD_CHECKSUM) &&
        !mn_offload_complete(packet))
        return false;
    return put_packet(host, packet);
}

/* Cuts a large frame, as hardware does it. */
static bool put_cut(struct mnet_sim_host *host, const struct mnet_packet *packet, const uint8_t *destination)
{
    struct mn_segmenter segmenter;
    if (!mn_segmenter_init(&segmenter, packet, host->sim->scratch))
        return false;
    bool ok = true;
    while (ok && !mn_segmenter_done(&segmenter)) {
        struct mnet_packet *segment = mn_segmenter_next(&segmenter);
        ok = segment != NULL && put_segment(host, segment, destination);
        mnet_packet_free(segment);
    }
    return ok;
}

static bool put(struct mnet_sim_host *host, struct mnet_packet *packet)
{
    uint8_t destination[6];
    if (packet->total < sizeof destination)
        return put_packet(host, packet);
    mnet_packet_copy_out(packet, 0, destination, sizeof destination);
    if (mn_offload_is_large(packet)) {
        if (mn_sim_carries(host, destination, mn_offload_needed(packet)))
            return put_packet(host, packet);
        return put_cut(host, packet, destination);
    }
    if (packet->total > host->device.mtu + 14u)
        return false;
    return put_segment(host, packet, destination);
}

static int sim_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct mnet_sim_host *host = card_of(device);
    int taken = 0;
    while (taken < count && mn_sim_has_room(host)) {
        struct mnet_packet *packet = packets[taken++];
        /* Work that was not promised must not be asked for. */
        MN_ASSERT((mn_offload_needed(packet) & ~device->tx_offload) == 0);
        if (!put(host, packet))
            device->tx_dropped++;
        mnet_packet_free(packet);
    }
    return taken;
}

bool mnet_sim_send(struct mnet_sim_host *host, const void *frame, size_t len)
{
    if (len > MNET_FRAME_MAX || !mn_sim_has_room(host))
        return false;
    struct mn_sim_flight *flight = mn_sim_flight(host, len);
    if (flight == NULL)
        return false;
    memcpy(flight->bytes, frame, len);
    mn_sim_put(flight);
    return true;
}

/* ---- Receiving ---- */

struct mn_sim_flight *mn_sim_take(struct mnet_sim_host *host)
{
    struct mn_sim_flight *flight = host->received;
    if (flight == NULL)
        return NULL;
    host->received = flight->next;
    if (host->received == NULL)
        host->received_end = &host->received;
    return flight;
}

static struct mnet_packet *packet_of(const struct mn_sim_flight *flight, struct mnet_memory *memory)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    if (packet == NULL)
        return NULL;
    if (!mnet_packet_append(packet, flight->bytes, flight->len)) {
        mnet_packet_free(packet);
        return NULL;
    }
    mn_packet_set_metadata(packet, flight->metadata);
    return packet;
}

static int sim_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct mnet_sim_host *host = host_of(device);
    int count = 0;
    while (count < max) {
        struct mn_sim_flight *flight = mn_sim_take(host);
        if (flight == NULL)
            break;
        struct mnet_packet *packet = packet_of(flight, device->memory);
        if (packet != NULL)
            packets[count++] = packet;
        else
            device->rx_dropped++;
        free(flight);
    }
    return count;
}

size_t mnet_sim_receive(struct mnet_sim_host *host, void *frame, size_t size)
{
    struct mn_sim_flight *flight = mn_sim_take(host);
    if (flight == NULL)
        return 0;
    size_t len = flight->len;
    memcpy(frame, flight->bytes, MN_MIN(len, size));
    free(flight);
    return len;
}

static void sim_wait(struct mnet_device *device, uint64_t deadline)
{
    struct mnet_sim_host *host = host_of(device);
    while (host->received == NULL && mnet_sim_now(host->sim) < deadline) {
        if (deadline == MNET_NEVER && mn_sim_next_arrival(host->sim) == MNET_NEVER)
            return; /* nothing can happen any more */
        mnet_sim_advance(host->sim, deadline);
    }
}

static void sim_close(struct mnet_device *device)
{
    struct mnet_sim_host *host = host_of(device);
    for (struct mn_sim_flight *flight; (flight = mn_sim_take(host)) != NULL;)
        free(flight);
    host->opened = false;
    host->closed = true;
}

static const struct mnet_device_ops sim_ops = {sim_rx, sim_tx, sim_wait, sim_close};

void mn_sim_device_init(struct mnet_sim_host *host, const struct mnet_sim_host_options *options, unsigned number)
{
    host->received_end = &host->received;
    host->first = host;
    host->device = (struct mnet_device){
        .ops = &sim_ops,
        .name = host->name,
        .mac = {0x02, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number},
        .mtu = options->mtu != 0 ? options->mtu : 1500,
        .tx_offload = options->tx_offload,
        .rx_offload = options->rx_offload,
        .fd = -1,
    };
}
