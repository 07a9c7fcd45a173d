/* Opening a TAP interface: attach or create, agree on offloads, read the MTU, choose our MAC
 * address. */
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
#include "ports/common/mac.h"
#include "ports/common/vnet.h"
#include "ports/hosted/hosted.h"
#include "ports/tap/tap_internal.h"

#define TUN_PATH "/dev/net/tun"
#define NEW "new:"
#define MAC ",mac="
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

/* One queue. An interface with several of them must be asked for as one with several. */
static int set_interface(struct tap *tap, int fd)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, tap->name, sizeof tap->name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (tap->vnet ? IFF_VNET_HDR : 0));
    int result = ioctl(fd, TUNSETIFF, &request);
    if (result < 0 && errno == EINVAL) {
        request.ifr_flags = (short)(request.ifr_flags | IFF_MULTI_QUEUE);
        result = ioctl(fd, TUNSETIFF, &request);
    }
    if (result == 0) {
        /* A pattern like tap%d has become a name. */
        memcpy(tap->name, request.ifr_name, sizeof tap->name);
    }
    return result;
}

static int set_header(const struct tap *tap, int fd)
{
    int header_bytes = sizeof(struct mn_vnet_header), little_endian = 1;
    /* A persistent interface remembers the offloads of its last user. */
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

static int open_descriptor(struct tap *tap, bool create, const struct why *why)
{
    const char *what;
    if (!create && if_nametoindex(tap->name) == 0) {
        const char *comma = strchr(tap->name, ',');
        if (comma != NULL) {
            snprintf(why->text, why->size, "%s: %s is unknown; mac=ADDRESS may follow the name", tap->name, comma + 1);
            return MNET_E_NO_DEVICE;
        }
        snprintf(why->text, why->size, "%s: there is no such interface (new:%s would make one)", tap->name, tap->name);
        return MNET_E_NO_DEVICE;
    }
    if (mn_tap_link_open(tap) < 0)
        return fail_errno(why, tap->name, "no epoll");
    int fd = mn_tap_attach(tap, &what);
    if (fd < 0)
        return fail_errno(why, tap->name, what);
    mn_tap_link_attach(tap, fd);
    return 0;
}

/* Both directions: we always may send partial checksums and large segments once the header is
 * there; what the kernel sends is agreed on with the first frame received (see tap.c), so that the
 * owner can still do without. */
static void agree_offload(struct tap *tap, const struct mnet_tap_options *options)
{
    uint32_t offload = tap->vnet ? MNET_OFFLOAD_CHECKSUM : 0;
    offload |= !tap->vnet || options->no_segmentation_offload ? 0 : MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6;
    tap->device.tx_offload = offload;
    tap->device.rx_offload = offload;
}

static int read_mtu(struct tap *tap, const struct why *why)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, tap->name, sizeof tap->name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0;
    int result = known ? 0 : fail_errno(why, tap->name, "cannot read its MTU");
    if (fd >= 0)
        close(fd);
    if (known && request.ifr_mtu < MTU_MIN)
        result = fail(why, MNET_E_NO_DEVICE, tap->name, "an MTU below 576 bytes");
    tap->device.mtu = (uint16_t)MN_MIN(request.ifr_mtu, MTU_MAX);
    return result;
}

/* Not the kernel's address, which belongs to the kernel's end: if none was given a random one,
 * unicast and locally administered. */
static int choose_mac(struct tap *tap, const struct why *why)
{
    static const uint8_t none[6];
    if (memcmp(tap->device.mac, none, sizeof none) != 0)
        return 0;
    if (!mn_hosted_entropy(NULL, tap->device.mac, sizeof tap->device.mac))
        return fail(why, MNET_E_NO_ENTROPY, tap->name, "no entropy for a MAC address");
    tap->device.mac[0] = (uint8_t)((tap->device.mac[0] & 0xfc) | 0x02);
    return 0;
}

/* Reads the name of an interface into its parts: [new:]NAME[,mac=ADDRESS]. */
static int parse_place(struct tap *tap, const char *place, bool *create, const struct why *why)
{
    static const uint8_t none[6];
    *create = strncmp(place, NEW, strlen(NEW)) == 0;
    const char *name = *create ? place + strlen(NEW) : place;
    const char *mac = strstr(name, MAC);
    size_t len = mac != NULL ? (size_t)(mac - name) : strlen(name);
    if (len == 0 || len >= sizeof tap->name || memchr(name, '/', len) != NULL)
        return fail(why, MNET_E_INVALID, name, "not the name of a network interface");
    memcpy(tap->name, name, len);
    uint8_t *own = tap->device.mac;
    if (mac != NULL &&
        (!mn_mac_parse(mac + strlen(MAC), own) || (own[0] & 1) != 0 || memcmp(own, none, sizeof none) == 0)) {
        return fail(why, MNET_E_INVALID, place, "mac= wants the address of one station, such as 02:00:00:00:00:01");
    }
    return 0;
}

static int set_up(struct tap *tap, const char *place, const struct mnet_tap_options *options, const struct why *why)
{
    bool create;
    int result = parse_place(tap, place, &create, why);
    if (result == 0)
        result = open_descriptor(tap, create, why);
    if (result == 0) {
        agree_offload(tap, options);
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
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL)
        return fail(&why, MNET_E_NO_MEMORY, name, "no memory");
    tap->device.ops = &mn_tap_ops;
    tap->device.name = tap->name;
    tap->device.fd = tap->fd = tap->link_fd = -1;
    tap->vnet = !options->no_checksum_offload;
    int result = set_up(tap, name, options, &why);
    if (result < 0) {
        mn_tap_link_close(tap);
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
