/* Opening a packet socket on an interface: options, filter, ring, and the address to listen to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>

#include <mnet/error.h>

#include "base/base.h"
#include "ports/packet/packet_internal.h"

#define XDP "xdp:"
#define BLOCK_BYTES 65536u
/* Frames that are larger than a slot wait in the socket's buffer. Without CAP_NET_ADMIN it has
 * net.core.rmem_max. */
#define SOCKET_BUFFER_BYTES (8 << 20)

static int fail_errno(const struct mn_why *why, const struct packet_socket *packet_socket, const char *call)
{
    int cause = errno;
    const char *text = strerror(cause);
    if (cause == EPERM || cause == EACCES)
        text = packet_socket->wants_xdp ? "no permission (needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF)"
                                        : "no permission (needs CAP_NET_RAW)";
    else if (packet_socket->wants_xdp && cause == EBUSY)
        text = "another program has it";
    snprintf(why->text, why->size, "%s: %s: %s", packet_socket->interface.name, call, text);
    return MNET_E_NO_DEVICE;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Frames to us and to groups, without a VLAN. What the kernel or another queue of ours sends does
 * not come: PACKET_IGNORE_OUTGOING does not work for sockets of a group. */
static bool set_filter(int fd, const uint8_t mac[6])
{
    const uint32_t high = (uint32_t)mac[0] << 8 | mac[1];
    const uint32_t low = (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 9),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 7, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0), /* a group */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* all of it */
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {MN_COUNT_OF(steps), steps};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* No frames, as long as another socket of the group has them. */
static bool set_deaf(int fd)
{
    struct sock_filter steps[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {MN_COUNT_OF(steps), steps};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static bool set_options(struct packet_socket *packet_socket, int fd, const char **what)
{
    static const struct {
        int option, value;
        const char *what;
    } options[] = {
        {PACKET_VERSION, TPACKET_V2, "no ring of version 2"},
        {PACKET_VNET_HDR, 1, "no virtio_net_hdr"},
        {PACKET_COPY_THRESH, 1, "no large frames"}, /* those beyond a slot wait in the socket */
        {PACKET_IGNORE_OUTGOING, 1, "no PACKET_IGNORE_OUTGOING (needs Linux 4.20)"},
    };
    for (size_t i = 0; i < MN_COUNT_OF(options); i++) {
        *what = options[i].what;
        if (!set(fd, SOL_PACKET, options[i].option, options[i].value))
            return false;
    }
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES))
        (void)set(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES))
        (void)set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
    *what = "no filter";
    return packet_socket->interface.queue != NULL ? set_deaf(fd) : set_filter(fd, packet_socket->interface.device.mac);
}

static bool map_ring(struct packet_socket *packet_socket, int fd)
{
    struct tpacket_req request = {
        .tp_block_size = BLOCK_BYTES,
        .tp_block_nr = RING_BYTES / BLOCK_BYTES,
        .tp_frame_size = RING_SLOT_BYTES,
        .tp_frame_nr = RING_SLOTS,
    };
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
        return false;
    void *ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED)
        return false;
    packet_socket->ring = ring;
    packet_socket->next = 0;
    return true;
}

/* The interface listens to our address, and to every group: the device does not know those of its
 * stack. */
static bool listen_to(int fd, int index, const uint8_t mac[6])
{
    struct packet_mreq unicast = {.mr_ifindex = index, .mr_type = PACKET_MR_UNICAST, .mr_alen = 6};
    struct packet_mreq groups = {.mr_ifindex = index, .mr_type = PACKET_MR_ALLMULTI};
    memcpy(unicast.mr_address, mac, 6);
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &unicast, sizeof unicast) == 0 &&
           setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof groups) == 0;
}

/* Frames come from bind on, and not before everything is set. */
static bool set_up_socket(struct packet_socket *packet_socket, int fd, const char **what)
{
    const struct mn_interface *interface = &packet_socket->interface;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(interface->name),
    };
    if (!set_options(packet_socket, fd, what))
        return false;
    *what = "no ring";
    if (!map_ring(packet_socket, fd))
        return false;
    *what = "cannot listen to another address";
    if (!listen_to(fd, address.sll_ifindex, interface->device.mac))
        return false;
    *what = "cannot bind";
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return false;
    *what = "no fan-out of several queues";
    return interface->queue == NULL ||
           (mn_packet_socket_group(packet_socket, fd) && set_filter(fd, interface->device.mac));
}

static void unmap_ring(struct packet_socket *packet_socket)
{
    if (packet_socket->ring != NULL)
        munmap(packet_socket->ring, RING_BYTES);
    packet_socket->ring = NULL;
}

static int attach_socket(struct packet_socket *packet_socket, const char **what)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *what = "cannot open a packet socket";
    if (fd >= 0 && !set_up_socket(packet_socket, fd, what)) {
        int cause = errno;
        unmap_ring(packet_socket);
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

/* The XDP socket beside `fd`, of the same interface. */
static bool open_xdp(struct packet_socket *packet_socket, const char **what)
{
    struct mn_interface *interface = &packet_socket->interface;
    struct epoll_event readable = {.events = EPOLLIN};
    packet_socket->xdp = mn_xdp_open((int)if_nametoindex(interface->name), interface->device.mac, what);
    if (packet_socket->xdp == NULL)
        return false;
    *what = "no epoll";
    return epoll_ctl(interface->device.fd, EPOLL_CTL_ADD, mn_xdp_fd(packet_socket->xdp), &readable) == 0;
}

static void close_xdp(struct packet_socket *packet_socket)
{
    mn_xdp_close(packet_socket->xdp);
    packet_socket->xdp = NULL;
}

int mn_packet_socket_attach(struct packet_socket *packet_socket, const char **what)
{
    int fd = attach_socket(packet_socket, what);
    if (fd >= 0 && packet_socket->wants_xdp && !open_xdp(packet_socket, what)) {
        int cause = errno;
        close_xdp(packet_socket);
        unmap_ring(packet_socket);
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

void mn_packet_socket_detach(struct packet_socket *packet_socket)
{
    close_xdp(packet_socket);
    unmap_ring(packet_socket);
    mn_interface_detach(&packet_socket->interface);
}

static int check_kind(const struct mn_interface *interface, const struct mn_why *why)
{
    struct ifreq answer;
    if (if_nametoindex(interface->name) == 0)
        return mn_interface_missing(interface, "", why);
    if (!mn_interface_ask(interface, SIOCGIFHWADDR, &answer) || answer.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return mn_why_say(why, MNET_E_NO_DEVICE, interface->name, "is no Ethernet interface");
    return 0;
}

static int open_socket(struct packet_socket *packet_socket, const struct mn_why *why)
{
    struct mn_interface *interface = &packet_socket->interface;
    const char *what = "no epoll";
    int fd = mn_interface_open(interface);
    if (fd == 0)
        fd = mn_packet_socket_attach(packet_socket, &what);
    if (fd < 0)
        return fail_errno(why, packet_socket, what);
    mn_interface_attach(interface, fd);
    return 0;
}

/* `place` is [xdp:]NAME[,mac=ADDRESS]. */
static int set_up(struct packet_socket *packet_socket, const char *place, const struct mn_why *why)
{
    struct mn_interface *interface = &packet_socket->interface;
    packet_socket->wants_xdp = strncmp(place, XDP, strlen(XDP)) == 0;
    if (packet_socket->wants_xdp && interface->queue != NULL)
        return mn_why_say(why, MNET_E_INVALID, place, "an interface with AF_XDP is for one core");
    int result = mn_interface_parse(interface, packet_socket->wants_xdp ? place + strlen(XDP) : place, why);
    if (result == 0)
        result = check_kind(interface, why);
    if (result == 0)
        result = mn_interface_read(interface, why);
    if (result == 0 && packet_socket->wants_xdp)
        interface->device.mtu = MN_MIN(interface->device.mtu, (uint16_t)MN_XDP_MTU_MAX);
    if (result == 0)
        result = open_socket(packet_socket, why);
    return result == 0 ? mn_interface_join(interface, why) : result;
}

/* The kernel completes what an interface cannot do. */
static void set_offload(struct mnet_device *device, const struct mnet_packet_socket_options *options)
{
    const uint32_t segmentation = MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6;
    device->tx_offload = MNET_OFFLOAD_CHECKSUM | segmentation;
    device->rx_offload = device->tx_offload | MNET_OFFLOAD_SUM; /* the last one by XDP */
    if (options->no_segmentation_offload)
        device->tx_offload &= ~segmentation;
    if (options->no_checksum_offload)
        device->tx_offload = 0;
}

int mnet_packet_socket_open(const char *name, const struct mnet_packet_socket_options *options,
                            struct mnet_device **device, char *why_text, size_t why_size)
{
    return mn_packet_socket_open(name, options, NULL, device, why_text, why_size);
}

int mn_packet_socket_open(const char *name, const struct mnet_packet_socket_options *options, struct mn_queue *queue,
                          struct mnet_device **device, char *why_text, size_t why_size)
{
    static const struct mnet_packet_socket_options defaults;
    struct mn_why why = {why_text, why_size};
    *device = NULL;
    struct packet_socket *packet_socket = calloc(1, sizeof *packet_socket);
    if (packet_socket == NULL)
        return mn_why_say(&why, MNET_E_NO_MEMORY, name, "no memory");
    mn_interface_init(&packet_socket->interface, &mn_packet_socket_ops, queue);
    set_offload(&packet_socket->interface.device, options != NULL ? options : &defaults);
    int result = set_up(packet_socket, name, &why);
    if (result < 0) {
        mn_packet_socket_free(packet_socket);
        return result;
    }
    *device = &packet_socket->interface.device;
    return 0;
}

void mn_packet_socket_free(struct packet_socket *packet_socket)
{
    close_xdp(packet_socket);
    unmap_ring(packet_socket);
    mn_interface_close(&packet_socket->interface);
    free(packet_socket);
}
