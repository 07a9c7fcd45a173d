/* The interfaces of the program's host: lo, and mnet's. */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "stack/stack.h"
#include "tools/mnet-run/run.h"

#define LOOPBACK_INDEX 1
#define LOOPBACK_MTU 65536

static void add_address(struct run_interface *interface, struct mnet_prefix prefix)
{
    if (interface->address_count < RUN_ADDRESSES_MAX)
        interface->addresses[interface->address_count++] = prefix;
}

static void fill_loopback(struct run_interface *interface)
{
    const struct mnet_address loopback = {.bytes = {[15] = 1}};
    *interface = (struct run_interface){
        .name = "lo",
        .index = LOOPBACK_INDEX,
        .mtu = LOOPBACK_MTU,
        .loopback = true,
        .flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK,
    };
    add_address(interface, (struct mnet_prefix){mnet_ipv4(127, 0, 0, 1), 8});
    add_address(interface, (struct mnet_prefix){loopback, 128});
}

static void fill_own(const struct mnet_stack *stack, struct run_interface *interface)
{
    struct mnet_stack_address own[RUN_ADDRESSES_MAX];
    const struct mnet_device *device = stack->config.device;
    unsigned count = mnet_stack_addresses(stack, own, RUN_ADDRESSES_MAX);
    *interface = (struct run_interface){
        .name = RUN_INTERFACE,
        .index = (int)(RUN_INTERFACE_ZONE + MN_MAX(device->zone, 1u)),
        .mtu = mnet_stack_mtu(stack),
        .flags = IFF_UP | IFF_BROADCAST | IFF_MULTICAST | (mnet_stack_link_up(stack) ? IFF_RUNNING : 0u),
    };
    memcpy(interface->mac, device->mac, sizeof interface->mac);
    for (unsigned i = 0; i < MN_MIN(count, RUN_ADDRESSES_MAX); i++) {
        if (own[i].state == MNET_ADDRESS_PREFERRED || own[i].state == MNET_ADDRESS_DEPRECATED)
            add_address(interface, own[i].prefix);
    }
}

void run_interfaces(struct runner *run, struct run_interface interfaces[RUN_INTERFACES])
{
    fill_loopback(&interfaces[0]);
    fill_own(run->stack, &interfaces[1]);
}

/* ---- ioctl ---- */

static const struct mnet_prefix *ipv4_of(const struct run_interface *interface)
{
    for (unsigned i = 0; i < interface->address_count; i++) {
        if (mnet_address_is_ipv4(interface->addresses[i].address))
            return &interface->addresses[i];
    }
    return NULL;
}

static void set_ipv4(struct sockaddr *name, uint32_t value)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(value)};
    memcpy(name, &address, sizeof address);
}

static uint32_t mask_of(const struct mnet_prefix *prefix)
{
    return prefix->length == 0 ? 0 : UINT32_MAX << (32 - prefix->length);
}

static int answer_ipv4(const struct run_interface *interface, unsigned long question, struct ifreq *request)
{
    const struct mnet_prefix *prefix = ipv4_of(interface);
    if (prefix == NULL)
        return -EADDRNOTAVAIL;
    uint32_t value = mnet_address_to_ipv4(prefix->address), mask = mask_of(prefix);
    if (question == SIOCGIFNETMASK)
        value = mask;
    else if (question == SIOCGIFBRDADDR)
        value |= ~mask;
    set_ipv4(&request->ifr_addr, value);
    return 0;
}

static int answer_request(const struct run_interface *interface, unsigned long question, struct ifreq *request)
{
    switch (question) {
    case SIOCGIFFLAGS: request->ifr_flags = (short)interface->flags; return 0;
    case SIOCGIFINDEX: request->ifr_ifindex = interface->index; return 0;
    case SIOCGIFMTU: request->ifr_mtu = (int)interface->mtu; return 0;
    case SIOCGIFNAME: strcpy(request->ifr_name, interface->name); return 0;
    case SIOCGIFHWADDR:
        request->ifr_hwaddr.sa_family = interface->loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
        memcpy(request->ifr_hwaddr.sa_data, interface->mac, sizeof interface->mac);
        return 0;
    default: return answer_ipv4(interface, question, request);
    }
}

/* SIOCGIFCONF: the interfaces that have an address of IPv4. */
static int64_t list(struct runner *run, const struct run_call *call, const struct run_interface *interfaces)
{
    struct ifconf conf;
    int len = 0;
    if (!run_read(run, call, call->arguments[2], &conf, sizeof conf))
        return -EFAULT;
    for (unsigned i = 0; i < RUN_INTERFACES; i++) {
        struct ifreq request = {0};
        strcpy(request.ifr_name, interfaces[i].name);
        if (answer_ipv4(&interfaces[i], SIOCGIFADDR, &request) < 0)
            continue;
        bool fits = conf.ifc_buf == NULL || len + (int)sizeof request <= conf.ifc_len;
        uint64_t place = (uintptr_t)conf.ifc_buf + (uint64_t)len;
        if (conf.ifc_buf != NULL && fits && !run_write(run, call, place, &request, sizeof request))
            return -EFAULT;
        len += fits ? (int)sizeof request : 0;
    }
    conf.ifc_len = len;
    return run_write(run, call, call->arguments[2], &conf, sizeof conf) ? 0 : -EFAULT;
}

int64_t run_interface_call(struct runner *run, const struct run_call *call)
{
    struct run_interface interfaces[RUN_INTERFACES];
    struct ifreq request;
    unsigned long question = (unsigned long)call->arguments[1];
    run_interfaces(run, interfaces);
    if (question == SIOCGIFCONF)
        return list(run, call, interfaces);
    if (!run_read(run, call, call->arguments[2], &request, sizeof request))
        return -EFAULT;
    request.ifr_name[IFNAMSIZ - 1] = '\0';
    for (unsigned i = 0; i < RUN_INTERFACES; i++) {
        bool meant = question == SIOCGIFNAME ? request.ifr_ifindex == interfaces[i].index
                                             : strcmp(request.ifr_name, interfaces[i].name) == 0;
        if (!meant)
            continue;
        int error = answer_request(&interfaces[i], question, &request);
        if (error < 0)
            return error;
        return run_write(run, call, call->arguments[2], &request, sizeof request) ? 0 : -EFAULT;
    }
    return -ENODEV;
}
