/* The network driver (5.1): opening and closing, features, link, and waiting. Receiving and sending
 * are in net_rx.c and net_tx.c.
 *
 * Trust. The host is believed about what it alone can know (MAC, MTU, link, what it did with a
 * buffer that it says it is done with), and that only within the buffer. A violation of the rings'
 * rules marks the device as broken: then it fails with MNET_E_IO for good, and everything that it
 * held is freed when it is closed. A violation that concerns one frame costs that frame.
 */
#include "ports/virtio/net.h"

#include <string.h>

#include <mnet/error.h>

#include "ports/common/little.h"

/* 5.1.4 */
enum {
    CONFIG_MAC = 0,
    CONFIG_STATUS = 6,
    CONFIG_MTU = 10
};
#define STATUS_LINK_UP 1u

#define ETHERNET_BYTES 14
#define MTU_MIN 576u
#define MTU_USUAL 1500u
/* Receive buffers that a frame of 64 KiB needs, and some more: without as many, none is asked
 * for. */
#define TSO_BUFFERS 64u
/* How long closing waits for frames to leave, and how often it looks: hosts take microseconds. */
#define LEAVE_NS (20 * MNET_MILLISECOND)
#define LEAVE_LOOK_NS (50 * MNET_MICROSECOND)

size_t mn_virtio_net_bytes(void)
{
    return sizeof(struct mn_net);
}

void mn_net_break(struct mn_net *net)
{
    if (!net->broken)
        mn_virtio_fail(net->transport);
    net->broken = true;
    net->rx.broken = net->tx.broken = true;
}

/* ---- Link and health ---- */

/* Configuration that does not hold still is read again next time. */
static bool read_link(struct mn_net *net)
{
    uint16_t status;
    if (!(net->features & MN_NET_F_STATUS)) {
        net->link_up = true; /* 5.1.4.2 */
        net->device.link_down = false;
        return true;
    }
    if (!mn_virtio_config(net->transport, CONFIG_STATUS, &status, sizeof status))
        return false;
    net->link_up = (mn_little16(status) & STATUS_LINK_UP) != 0;
    net->device.link_down = !net->link_up;
    return true;
}

static void count_calls(struct mn_net *net)
{
    const struct mn_virtio_transport *t = net->transport;
    uint32_t interrupts = t->interrupts != NULL ? *t->interrupts : 0;
    net->device.interrupts += (uint32_t)(interrupts - net->interrupts_seen);
    net->interrupts_seen = interrupts;
    net->device.notifications = t->notifications - net->notifications_before;
}

void mn_net_look(struct mn_net *net)
{
    struct mn_virtio_transport *t = net->transport;
    mn_virtio_look(t);
    count_calls(net);
    if (MN_LIKELY(!t->config_changed) || net->broken)
        return;
    /* Before it is read: a further change comes with a further interrupt. */
    t->config_changed = false;
    /* 2.1.2: announced like this. */
    if (t->ops->get_status(t) & (MN_VIRTIO_NEEDS_RESET | MN_VIRTIO_FAILED))
        mn_net_break(net);
    else if (!read_link(net))
        t->config_changed = true;
}

bool mn_virtio_net_link_up(const struct mnet_device *device)
{
    return MN_CONTAINER(device, const struct mn_net, device)->link_up;
}

bool mn_virtio_net_mac(struct mn_virtio_transport *t, uint8_t mac[6])
{
    return (t->ops->device_features(t) & MN_NET_F_MAC) != 0 && mn_virtio_config(t, CONFIG_MAC, mac, 6);
}

/* ---- Waiting ---- */

/* How many further frames are to be sent before it is worth an interrupt. */
static unsigned worth_waiting(const struct mn_net *net)
{
    unsigned all = net->tx.outstanding - 1u;
    return net->stalled ? all / 2 : all;
}

bool mn_virtio_net_arm(struct mnet_device *device)
{
    struct mn_net *net = mn_net_of(device);
    if (net->broken)
        return false;
    mn_net_look(net);
    mn_net_refill(net, 1);
    bool ready = mn_virtqueue_arm(&net->rx, 0);
    ready |= net->device.link_down != net->down_seen; /* for the stack to look at */
    bool waits = (net->stalled || net->lent > 0) && net->tx.outstanding > 0;
    if (waits && mn_virtqueue_arm(&net->tx, worth_waiting(net)))
        ready = true;
    return ready;
}

static void net_wait(struct mnet_device *device, uint64_t deadline)
{
    const struct mn_virtio_machine *machine = mn_net_of(device)->transport->machine;
    if (!mn_virtio_net_arm(device))
        machine->wait(machine->context, deadline);
}

/* ---- Opening ---- */

/* The offered features that the driver uses; some need others (5.1.3.1). */
static uint64_t choose_features(const struct mn_virtio_transport *t, uint64_t offered, uint32_t offload,
                                bool large_frames)
{
    uint64_t use = MN_NET_F_MAC | MN_NET_F_STATUS | MN_NET_F_MRG_RXBUF | MN_VIRTIO_F_EVENT_IDX |
                   MN_VIRTIO_F_INDIRECT_DESC;
    uint64_t tso = (offload & MNET_OFFLOAD_TSO4 ? MN_NET_F_HOST_TSO4 | MN_NET_F_GUEST_TSO4 : 0) |
                   (offload & MNET_OFFLOAD_TSO6 ? MN_NET_F_HOST_TSO6 | MN_NET_F_GUEST_TSO6 : 0);
    use |= t->legacy ? MN_VIRTIO_F_ANY_LAYOUT : 0;
    if (offload & MNET_OFFLOAD_CHECKSUM)
        use |= MN_NET_F_CSUM | MN_NET_F_GUEST_CSUM | tso;
    use &= offered;
    if (!(use & MN_NET_F_CSUM))
        use &= ~(MN_NET_F_HOST_TSO4 | MN_NET_F_HOST_TSO6);
    /* 5.1.6.3.1: without merged buffers each would have to be of 65562 bytes. */
    if (!(use & MN_NET_F_GUEST_CSUM) || !(use & MN_NET_F_MRG_RXBUF) || !large_frames)
        use &= ~(MN_NET_F_GUEST_TSO4 | MN_NET_F_GUEST_TSO6);
    if (use & (MN_NET_F_HOST_TSO4 | MN_NET_F_HOST_TSO6))
        use |= offered & MN_NET_F_HOST_ECN;
    if (use & (MN_NET_F_GUEST_TSO4 | MN_NET_F_GUEST_TSO6))
        use |= offered & MN_NET_F_GUEST_ECN;
    return use;
}

/* 5.1.4.2: accepts the MTU if there are buffers for such frames; false if it is too small to
 * live with. 3.1.1, step 4: configuration may be read before features are agreed on. */
static bool choose_mtu(struct mn_net *net, uint64_t offered)
{
    uint16_t mtu;
    net->device.mtu = MTU_USUAL;
    if (!(offered & MN_NET_F_MTU))
        return true;
    if (!mn_virtio_config(net->transport, CONFIG_MTU, &mtu, sizeof mtu))
        return false;
    mtu = mn_little16(mtu);
    if (mtu > MNET_PACKET_LINEAR - ETHERNET_BYTES && !(net->features & MN_NET_F_MRG_RXBUF))
        return true;
    net->features |= MN_NET_F_MTU;
    net->device.mtu = mtu;
    if (mtu < MTU_MIN)
        net->transport->why = "its MTU is below 576 bytes";
    return mtu >= MTU_MIN;
}

static uint32_t offload_of(uint64_t features, uint64_t checksum, uint64_t tso4, uint64_t tso6)
{
    return (features & checksum ? MNET_OFFLOAD_CHECKSUM : 0) | (features & tso4 ? MNET_OFFLOAD_TSO4 : 0) |
           (features & tso6 ? MNET_OFFLOAD_TSO6 : 0);
}

static int agree(struct mn_net *net, uint32_t offload)
{
    struct mn_virtio_transport *t = net->transport;
    uint64_t offered;
    int result = mn_virtio_begin(t, &offered);
    if (result < 0)
        return result;
    net->features = choose_features(t, offered, offload, t->ops->queue_max(t, MN_NET_RX) >= TSO_BUFFERS);
    /* 5.1.6.6: a legacy device without ANY_LAYOUT wants its header apart; none is worth that. */
    bool usable = !t->legacy || net->features & MN_VIRTIO_F_ANY_LAYOUT;
    if (!usable || !choose_mtu(net, offered))
        return MNET_E_NO_DEVICE;
    net->header_bytes = !t->legacy || net->features & MN_NET_F_MRG_RXBUF ? 12 : 10;
    net->tx_may = offload_of(net->features, MN_NET_F_CSUM, MN_NET_F_HOST_TSO4, MN_NET_F_HOST_TSO6);
    net->rx_may = offload_of(net->features, MN_NET_F_GUEST_CSUM, MN_NET_F_GUEST_TSO4, MN_NET_F_GUEST_TSO6);
    net->device.tx_offload = net->tx_may;
    net->device.rx_offload = net->rx_may;
    return mn_virtio_agree(t, net->features);
}

static int open_queues(struct mn_net *net)
{
    struct mn_virtio_transport *t = net->transport;
    bool event_idx = (net->features & MN_VIRTIO_F_EVENT_IDX) != 0;
    int result = mn_virtqueue_open(&net->rx, t, MN_NET_RX, net->rx_ring, 1, event_idx);
    /* 2.7.5.3.1: no chain is longer than the queue, with or without a table. */
    return result < 0 ? result : mn_virtqueue_open(&net->tx, t, MN_NET_TX, net->tx_ring, MN_NET_PIECES, event_idx);
}

/* 5.1.4.2: a device that offers an address has it used. Zeros and groups are nobody's address. */
static bool read_mac(struct mn_net *net)
{
    uint8_t *mac = net->device.mac;
    if (net->features & MN_NET_F_MAC && !mn_virtio_config(net->transport, CONFIG_MAC, mac, sizeof net->device.mac))
        return false;
    if (mac[0] & 1)
        memset(mac, 0, sizeof net->device.mac);
    return true;
}

/* The last frames of a stack (a reset, a farewell to its DHCP server) must not be overtaken by
 * the reset of the device, or by the end of the machine. A host that does not take them in time
 * has lost them. */
static void let_leave(struct mn_net *net)
{
    const struct mn_virtio_machine *machine = net->transport->machine;
    uint64_t now = machine->now(machine->context), end = now + LEAVE_NS;
    mn_net_reap(net);
    while (net->tx.outstanding > 0 && !net->broken && net->link_up && now < end) {
        machine->wait(machine->context, now + LEAVE_LOOK_NS);
        mn_net_reap(net);
        now = machine->now(machine->context);
    }
}

static void net_close(struct mnet_device *device)
{
    struct mn_net *net = mn_net_of(device);
    struct mn_net_sending *sending;
    struct mnet_packet *packet;
    let_leave(net);
    (void)mn_virtio_reset(net->transport); /* 3.3.1: buffers are not taken back before */
    while ((packet = mn_virtqueue_detach(&net->rx)) != NULL)
        mnet_packet_free(packet);
    while ((sending = mn_virtqueue_detach(&net->tx)) != NULL)
        mn_net_sent(net, sending);
    net->transport->in_use = false;
}

int mn_virtio_net_open(struct mn_virtio_transport *t, void *memory, const char *name, uint32_t offload,
                       struct mnet_device **device)
{
    static const struct mnet_device_ops ops = {mn_net_rx, mn_net_tx, net_wait, net_close};
    struct mn_net *net = memory;
    *device = NULL;
    t->why = NULL;
    if (t->kind != MN_VIRTIO_NET || t->in_use)
        return MNET_E_NO_DEVICE;
    memset(net, 0, offsetof(struct mn_net, rx_ring));
    net->transport = t;
    memcpy(net->name, name, MN_MIN(strlen(name), sizeof net->name - 1));
    net->device = (struct mnet_device){.ops = &ops, .name = net->name, .fd = -1};
    int result = agree(net, offload);
    if (result == MNET_OK)
        result = open_queues(net);
    if (result == MNET_OK && (!read_mac(net) || !read_link(net) || !mn_virtio_ready(t)))
        result = MNET_E_IO;
    if (result < 0) {
        mn_virtio_fail(t);
        return result;
    }
    t->in_use = true;
    net->interrupts_seen = t->interrupts != NULL ? *t->interrupts : 0;
    net->notifications_before = t->notifications;
    *device = &net->device;
    return MNET_OK;
}
