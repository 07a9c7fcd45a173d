/* Opening a TAP interface: attach or create, agree on offloads, read the MTU, choose our MAC address. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/base.h"
#include "ports/common/vnet.h"
#include "ports/hosted/hosted.h"
#include "ports/tap/tap_internal.h"

#define TUN_PATH "/dev/net/tun"
#define MTU_MIN 576
#define MTU_MAX 65535

struct why {
    char *text;
    size_t size;
};

static int fail(const struct why *why, int error, const char *name, const char *what)
{
    snprintf(why->text, why->size, "%s: %s", name, what);
    return error;
}

static int fail_errno(const struct why *why, const char *name, const char *call)
{
    int cause = errno;
    const char *text = strerror(cause);
    if (cause == EPERM || cause == EACCES) {
        text = "no permission (needs CAP_NET_ADMIN, or an interface created for this user)";
    } else if (cause == EBUSY) {
        text = "in use by another program";
    } else if (cause == EINVAL) {
        text = "exists, but is no TAP interface";
    }
    snprintf(why->text, why->size, "%s: %s: %s", name, call, text);
    return MNET_E_NO_DEVICE;
}

static int open_descriptor(struct tap *tap, const struct why *why)
{
    tap->device.fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap->device.fd < 0) {
        return fail_errno(why, tap->name, TUN_PATH);
    }
    struct ifreq request = {0};
    memcpy(request.ifr_name, tap->name, sizeof tap->name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (tap->vnet ? IFF_VNET_HDR : 0));
    if (ioctl(tap->device.fd, TUNSETIFF, &request) < 0) {
        return fail_errno(why, tap->name, "cannot attach");
    }
    memcpy(tap->name, request.ifr_name, sizeof tap->name); /* a pattern like tap%d has become a name */
    /* A persistent interface remembers what its last user could do. */
    (void)ioctl(tap->device.fd, TUNSETOFFLOAD, 0ul);
    return 0;
}

/* Both directions: we always may send partial checksums and large segments once the header is there; what the kernel sends
 * is agreed on with the first frame received (see tap.c), so that the owner can still do without. */
static int agree_offload(struct tap *tap, const struct mnet_tap_options *options, const struct why *why)
{
    int header_bytes = sizeof(struct mn_vnet_header), little_endian = 1;
    if (ioctl(tap->device.fd, TUNSETVNETHDRSZ, &header_bytes) < 0 ||
        ioctl(tap->device.fd, TUNSETVNETLE, &little_endian) < 0) {
        return fail_errno(why, tap->name, "no virtio_net_hdr");
    }
    uint32_t offload = MNET_OFFLOAD_CHECKSUM;
    offload |= options->no_segmentation_offload ? 0 : MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6;
    tap->device.tx_offload = offload;
    tap->device.rx_offload = offload;
    return 0;
}

static int read_mtu(struct tap *tap, const struct why *why)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, tap->name, sizeof tap->name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0;
    int result = known ? 0 : fail_errno(why, tap->name, "cannot read its MTU");
    if (fd >= 0) {
        close(fd);
    }
    if (known && request.ifr_mtu < MTU_MIN) {
        result = fail(why, MNET_E_NO_DEVICE, tap->name, "an MTU below 576 bytes");
    }
    tap->device.mtu = (uint16_t)MN_MIN(request.ifr_mtu, MTU_MAX);
    return result;
}

/* Not the kernel's address, which belongs to the kernel's end: a random one, unicast and locally administered. */
static int choose_mac(struct tap *tap, const struct why *why)
{
    if (!mn_hosted_entropy(NULL, tap->device.mac, sizeof tap->device.mac)) {
        return fail(why, MNET_E_NO_ENTROPY, tap->name, "no entropy for a MAC address");
    }
    tap->device.mac[0] = (uint8_t)((tap->device.mac[0] & 0xfc) | 0x02);
    return 0;
}

static int set_up(struct tap *tap, const struct mnet_tap_options *options, const struct why *why)
{
    int result = open_descriptor(tap, why);
    if (result == 0 && tap->vnet) {
        result = agree_offload(tap, options, why);
    }
    if (result == 0) {
        result = read_mtu(tap, why);
    }
    return result == 0 ? choose_mac(tap, why) : result;
}

int mnet_tap_open(const char *name, const struct mnet_tap_options *options, struct mnet_device **device, char *why_text,
                  size_t why_size)
{
    static const struct mnet_tap_options defaults;
    struct why why = {why_text, why_size};
    options = options != NULL ? options : &defaults;
    *device = NULL;
    if (name[0] == '\0' || strlen(name) >= IFNAMSIZ || strchr(name, '/') != NULL) {
        return fail(&why, MNET_E_INVALID, name, "not the name of a network interface");
    }
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL) {
        return fail(&why, MNET_E_NO_MEMORY, name, "no memory");
    }
    memcpy(tap->name, name, strlen(name));
    tap->device.ops = &mn_tap_ops;
    tap->device.name = tap->name;
    tap->device.fd = -1;
    tap->vnet = !options->no_checksum_offload;
    int result = set_up(tap, options, &why);
    if (result < 0) {
        if (tap->device.fd >= 0) {
            close(tap->device.fd);
        }
        mn_tap_free(tap);
        return result;
    }
    *device = &tap->device;
    return 0;
}

void mn_tap_free(struct tap *tap)
{
    free(tap);
}
