/* The name, the address and the MTU of an interface. */
#include "ports/hosted/interface.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "ports/common/mac.h"
#include "ports/hosted/hosted.h"

#define MAC ",mac="
#define MTU_MIN 576
#define MTU_MAX 65535
/* How often an interface that is gone is looked for without a reason. */
#define LOOK_NS (200 * MNET_MILLISECOND)

int mn_why_say(const struct mn_why *why, int error, const char *name, const char *what)
{
    snprintf(why->text, why->size, "%s: %s", name, what);
    return error;
}

void mn_interface_init(struct mn_interface *interface, const struct mnet_device_ops *ops, struct mn_queue *queue)
{
    interface->queue = queue;
    interface->device.ops = ops;
    interface->device.name = interface->name;
    interface->device.fd = interface->fd = interface->link_fd = interface->index = -1;
}

static bool is_nobody(const uint8_t mac[6])
{
    static const uint8_t none[6];
    return memcmp(mac, none, sizeof none) == 0;
}

int mn_interface_parse(struct mn_interface *interface, const char *place, const struct mn_why *why)
{
    const char *mac = strstr(place, MAC);
    size_t len = mac != NULL ? (size_t)(mac - place) : strlen(place);
    if (len == 0 || len >= sizeof interface->name || memchr(place, '/', len) != NULL)
        return mn_why_say(why, MNET_E_INVALID, place, "not the name of a network interface");
    memcpy(interface->name, place, len);
    uint8_t *own = interface->device.mac;
    if (mac != NULL && (!mn_mac_parse(mac + strlen(MAC), own) || (own[0] & 1) != 0 || is_nobody(own))) {
        return mn_why_say(why, MNET_E_INVALID, place,
                          "mac= wants the address of one station, such as 02:00:00:00:00:01");
    }
    if (interface->queue != NULL && interface->queue->all->known) {
        memcpy(interface->name, interface->queue->all->name, sizeof interface->name);
        memcpy(own, interface->queue->all->mac, sizeof interface->queue->all->mac);
    }
    return 0;
}

int mn_interface_join(struct mn_interface *interface, const struct mn_why *why)
{
    if (interface->queue == NULL || mn_queue_open(interface->queue, &interface->device))
        return 0;
    interface->queue = NULL;
    return mn_why_say(why, MNET_E_NO_DEVICE, interface->name, strerror(errno));
}

int mn_interface_missing(const struct mn_interface *interface, const char *remedy, const struct mn_why *why)
{
    const char *name = interface->name, *comma = strchr(name, ',');
    if (comma != NULL)
        snprintf(why->text, why->size, "%s: %s is unknown; mac=ADDRESS may follow the name", name, comma + 1);
    else
        snprintf(why->text, why->size, "%s: there is no such interface%s", name, remedy);
    return MNET_E_NO_DEVICE;
}

bool mn_interface_ask(const struct mn_interface *interface, unsigned long what, struct ifreq *answer)
{
    *answer = (struct ifreq){0};
    memcpy(answer->ifr_name, interface->name, sizeof interface->name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool answered = ioctl(fd, what, answer) == 0;
    close(fd);
    return answered;
}

bool mn_interface_is_back(struct mn_interface *interface)
{
    struct ifreq answer;
    uint64_t now = mn_hosted_now(NULL);
    if (!mn_interface_changed(interface) && now - interface->looked < LOOK_NS)
        return false;
    interface->looked = now;
    return mn_interface_ask(interface, SIOCGIFFLAGS, &answer) && (answer.ifr_flags & IFF_UP) != 0;
}

/* Unicast and locally administered. */
static bool choose_mac(uint8_t mac[6])
{
    if (!is_nobody(mac))
        return true;
    bool chosen = mn_hosted_entropy(NULL, mac, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
    return chosen;
}

int mn_interface_read(struct mn_interface *interface, const struct mn_why *why)
{
    struct ifreq answer;
    if (!mn_interface_ask(interface, SIOCGIFMTU, &answer))
        return mn_why_say(why, MNET_E_NO_DEVICE, interface->name, "cannot read its MTU");
    if (answer.ifr_mtu < MTU_MIN)
        return mn_why_say(why, MNET_E_NO_DEVICE, interface->name, "an MTU below 576 bytes");
    interface->device.mtu = (uint16_t)MN_MIN(answer.ifr_mtu, MTU_MAX);
    if (!choose_mac(interface->device.mac))
        return mn_why_say(why, MNET_E_NO_ENTROPY, interface->name, "no entropy for a MAC address");
    return 0;
}
