/* Opening a TAP interface: attach or create, and agree on offloads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include <mnet/error.h>

#include "base/base.h"
#include "ports/common/vnet.h"
#include "ports/tap/tap_internal.h"

#define TUN_PATH "/dev/net/tun"
#define NEW "new:"

/* `several` queues were asked for. */
static int fail_errno(const struct mn_why *why, const char *name, const char *call, bool several)
{
    int cause = errno;
    const char *text = strerror(cause);
    if (cause == EPERM || cause == EACCES) {
        text = "no permission (needs CAP_NET_ADMIN, or an interface created for this user)";
    } else if (cause == EBUSY) {
        text = "in use by another program";
    } else if (cause == EINVAL && several) {
        text = "exists, but is no TAP interface with several queues (ip tuntap add ... multi_queue)";
    } else if (cause == EINVAL) {
        text = "exists, but is no TAP interface";
    }
    snprintf(why->text, why->size, "%s: %s: %s", name, call, text);
    return MNET_E_NO_DEVICE;
}

/* One queue. An interface with several of them must be asked for as one with several, and one that
 * is made must have several if there will be more. */
static int set_interface(struct tap *tap, int fd)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, tap->interface.name, sizeof tap->interface.name);
    bool several = tap->interface.queue != NULL;
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (tap->vnet ? IFF_VNET_HDR : 0) | (several ? IFF_MULTI_QUEUE : 0));
    int result = ioctl(fd, TUNSETIFF, &request);
    if (result < 0 && errno == EINVAL && !several) {
        request.ifr_flags = (short)(request.ifr_flags | IFF_MULTI_QUEUE);
        result = ioctl(fd, TUNSETIFF, &request);
    }
    if (result == 0) {
        /* A pattern like tap%d has become a name. */
        memcpy(tap->interface.name, request.ifr_name, sizeof tap->interface.name);
    }
    return result;
}

static int set_header(const struct tap *tap, int fd)
{
    int header_bytes = sizeof(struct mn_vnet_header), little_endian = 1;
    /* A persistent interface remembers the offloads of its last user. All queues share them, and
     * the first one is opened before others are in use. */
    if (tap->interface.queue == NULL || tap->interface.queue->number == 0)
        (void)ioctl(fd, TUNSETOFFLOAD, 0ul);
    bool set = !tap->vnet ||
               (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) == 0 && ioctl(fd, TUNSETVNETLE, &little_endian) == 0);
    return set ? 0 : -1;
}

int mn_tap_attach(struct tap *tap, const char **what)
{
    int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    *what = TUN_PATH;
    if (fd < 0)
        return fd;
    int result = set_interface(tap, fd);
    *what = "cannot attach";
    if (result == 0) {
        result = set_header(tap, fd);
        *what = "no virtio_net_hdr";
    }
    if (result < 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return result;
    }
    return fd;
}

static int open_descriptor(struct tap *tap, bool create, const struct mn_why *why)
{
    const char *what;
    struct mn_interface *interface = &tap->interface;
    if (!create && if_nametoindex(interface->name) == 0) {
        char remedy[64];
        snprintf(remedy, sizeof remedy, " (new:%s would make one)", interface->name);
        return mn_interface_missing(interface, remedy, why);
    }
    if (mn_interface_open(interface) < 0)
        return fail_errno(why, tap->interface.name, "no epoll", false);
    int fd = mn_tap_attach(tap, &what);
    if (fd < 0)
        return fail_errno(why, tap->interface.name, what, interface->queue != NULL);
    mn_interface_attach(interface, fd);
    return 0;
}

/* Both directions: we always may send partial checksums and large segments once the header is
 * there; what the kernel sends is agreed on with the first frame received (see tap.c), so that the
 * owner can still do without. */
static void agree_offload(struct tap *tap, const struct mnet_tap_options *options)
{
    uint32_t offload = tap->vnet ? MNET_OFFLOAD_CHECKSUM : 0;
    offload |= !tap->vnet || options->no_segmentation_offload ? 0 : MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6;
    tap->interface.device.tx_offload = offload;
    tap->interface.device.rx_offload = offload;
}

/* `place` is [new:]NAME[,mac=ADDRESS]. */
static int set_up(struct tap *tap, const char *place, const struct mnet_tap_options *options, const struct mn_why *why)
{
    bool create = strncmp(place, NEW, strlen(NEW)) == 0;
    int result = mn_interface_parse(&tap->interface, create ? place + strlen(NEW) : place, why);
    if (result == 0)
        result = open_descriptor(tap, create, why);
    if (result == 0) {
        agree_offload(tap, options);
        result = mn_interface_read(&tap->interface, why);
    }
    if (result == 0)
        result = mn_interface_join(&tap->interface, why);
    return result;
}

int mnet_tap_open(const char *name, const struct mnet_tap_options *options, struct mnet_device **device, char *why_text,
                  size_t why_size)
{
    return mn_tap_open(name, options, NULL, device, why_text, why_size);
}

int mn_tap_open(const char *name, const struct mnet_tap_options *options, struct mn_queue *queue,
                struct mnet_device **device, char *why_text, size_t why_size)
{
    static const struct mnet_tap_options defaults;
    struct mn_why why = {why_text, why_size};
    options = options != NULL ? options : &defaults;
    *device = NULL;
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL)
        return mn_why_say(&why, MNET_E_NO_MEMORY, name, "no memory");
    mn_interface_init(&tap->interface, &mn_tap_ops, queue);
    tap->vnet = !options->no_checksum_offload;
    int result = set_up(tap, name, options, &why);
    if (result < 0) {
        mn_interface_close(&tap->interface);
        mn_tap_free(tap);
        return result;
    }
    *device = &tap->interface.device;
    return 0;
}

void mn_tap_free(struct tap *tap)
{
    free(tap);
}
