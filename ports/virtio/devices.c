#include "ports/virtio/devices.h"

#include <string.h>

#include <mnet/error.h>

#include "base/format.h"
#include "ports/common/mac.h"
#include "ports/virtio/machine.h"
#include "ports/virtio/virtio.h"

#define DEVICES_MAX 16u

/* A transport with all that belongs to it for as long as the machine runs. */
struct device {
    struct mn_virtio_transport transport;
    struct mn_interrupt queues, config; /* of a line: the first one for both */
    void *memory;                       /* of its driver; allocated when first opened */
    struct mnet_device *net;            /* if it was opened */
    bool connected;                     /* it can be used */
};

static struct devices_machine {
    struct device found[DEVICES_MAX];
    unsigned count;
} machine;

/* ---- The machine, as drivers see it ---- */

static uint64_t map(void *context, uint64_t physical, uint64_t bytes)
{
    (void)context;
    return (uintptr_t)mn_machine_map_device(physical, bytes);
}

static uint32_t read(void *context, uint64_t address, unsigned bytes)
{
    (void)context;
    switch (bytes) {
    case 1: return *(volatile uint8_t *)(uintptr_t)address;
    case 2: return *(volatile uint16_t *)(uintptr_t)address;
    default: return *(volatile uint32_t *)(uintptr_t)address;
    }
}

static void write(void *context, uint64_t address, unsigned bytes, uint32_t value)
{
    (void)context;
    switch (bytes) {
    case 1: *(volatile uint8_t *)(uintptr_t)address = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)(uintptr_t)address = (uint16_t)value; break;
    default: *(volatile uint32_t *)(uintptr_t)address = value; break;
    }
}

/* A function's number here has 16 bits, the machine's 8 more below them. */
static mn_pci_function function_of(uint32_t function)
{
    return function << 8;
}

static uint32_t pci_read(void *context, uint32_t function, unsigned offset, unsigned bytes)
{
    (void)context;
    switch (bytes) {
    case 1: return mn_pci_read8(function_of(function), offset);
    case 2: return mn_pci_read16(function_of(function), offset);
    default: return mn_pci_read32(function_of(function), offset);
    }
}

/* The drivers write words of 2 and 4 bytes only. */
static void pci_write(void *context, uint32_t function, unsigned offset, unsigned bytes, uint32_t value)
{
    (void)context;
    if (bytes == 2)
        mn_pci_write16(function_of(function), offset, (uint16_t)value);
    else
        mn_pci_write32(function_of(function), offset, value);
}

static uint64_t now(void *context)
{
    (void)context;
    return mn_machine_now();
}

static void wait(void *context, uint64_t deadline)
{
    (void)context;
    mn_machine_wait(deadline);
}

static const struct mn_virtio_machine access = {NULL, map, read, write, pci_read, pci_write, now, wait};

/* ---- Interrupts ---- */

/* The interrupt's device: it may have the last look. */
static bool arm(struct mn_interrupt *interrupt)
{
    struct device *device = MN_CONTAINER(interrupt, struct device, queues);
    return device->net != NULL && device->transport.in_use && mn_virtio_net_arm(device->net);
}

static bool connect_line(struct device *device, unsigned gsi)
{
    device->queues.arm = arm;
    device->transport.raised = &device->queues.raised;
    device->transport.interrupts = &device->queues.count;
    return mn_interrupt_on_line(&device->queues, gsi);
}

static bool connect_messages(struct device *device)
{
    struct mn_virtio_message queues, config;
    device->queues.arm = arm;
    if (!mn_interrupt_on_message(&device->queues, &queues.address, &queues.data))
        return false;
    bool connected = mn_interrupt_on_message(&device->config, &config.address, &config.data);
    if (connected && mn_virtio_pci_messages(&device->transport, &queues, &config)) {
        device->transport.raised = &device->queues.raised;
        device->transport.config_raised = &device->config.raised;
        device->transport.interrupts = &device->queues.count;
        return true;
    }
    if (connected)
        mn_interrupt_remove(&device->config);
    mn_interrupt_remove(&device->queues);
    return false;
}

/* ---- Buses ---- */

/* Returns true if there is a driver for the device found, or a line to be written about it. */
static bool is_ours(const struct device *device, int found_result)
{
    enum mn_virtio_kind kind = device->transport.kind;
    return kind == MN_VIRTIO_NET || (kind == MN_VIRTIO_ENTROPY && found_result == MNET_OK);
}

unsigned mn_devices_find(void)
{
    const struct mn_mmio_device *mmio;
    unsigned count = mn_machine_mmio_devices(&mmio);
    for (unsigned i = 0; i < count && machine.count < DEVICES_MAX; i++) {
        struct device *device = &machine.found[machine.count];
        uint32_t bytes = (uint32_t)MN_MIN(mmio[i].size, (uint64_t)UINT32_MAX);
        int result = mn_virtio_mmio_open(&device->transport, &access, mmio[i].address, bytes);
        if (result < 0 || !is_ours(device, result))
            continue; /* the place is free for the next one: nothing must be connected to it */
        device->connected = connect_line(device, mmio[i].gsi);
        machine.count++;
    }
    for (mn_pci_function function = MN_PCI_FIRST; machine.count < DEVICES_MAX && mn_pci_next(&function);) {
        struct device *device = &machine.found[machine.count];
        int result = mn_virtio_pci_open(&device->transport, &access, function >> 8);
        if (!is_ours(device, result))
            continue;
        device->connected = result == MNET_OK && connect_messages(device);
        machine.count++;
    }
    return machine.count;
}

static void *memory_of(struct device *device, size_t bytes)
{
    if (device->memory == NULL)
        device->memory = mn_machine_allocate(bytes, MN_VIRTIO_ALIGNMENT);
    return device->memory;
}

static bool have(enum mn_virtio_kind kind)
{
    bool there = false;
    for (unsigned i = 0; i < machine.count; i++)
        there |= machine.found[i].transport.kind == kind;
    return there;
}

bool mn_devices_have_entropy(void)
{
    return have(MN_VIRTIO_ENTROPY);
}

bool mn_devices_entropy(void *buffer, size_t len, uint64_t piece_ns, uint64_t all_ns)
{
    const struct mn_virtio_timeouts timeouts = {piece_ns, all_ns};
    for (unsigned i = 0; i < machine.count; i++) {
        struct device *device = &machine.found[i];
        if (device->transport.kind != MN_VIRTIO_ENTROPY || memory_of(device, mn_virtio_rng_bytes()) == NULL)
            continue;
        if (mn_virtio_rng_read(&device->transport, device->memory, buffer, len, timeouts) == MNET_OK)
            return true;
    }
    return false;
}

bool mn_devices_stopped(void)
{
    bool running = false;
    for (unsigned i = 0; i < machine.count; i++)
        running |= machine.found[i].transport.running;
    return !running;
}

/* ---- Network devices ---- */

/* Which one is meant: the one of a number, counted from 0, or of an address; neither: any. */
struct wanted {
    int number; /* negative: none */
    uint8_t mac[6];
    bool by_mac;
};

static bool is_wanted(struct device *device, const struct wanted *wanted, int number)
{
    uint8_t mac[6];
    if (!wanted->by_mac)
        return number == wanted->number;
    return device->connected && mn_virtio_net_mac(&device->transport, mac) && memcmp(mac, wanted->mac, 6) == 0;
}

/* Of any, the first that is free; one that cannot be used only if there is no other. */
static struct device *find_net(const struct wanted *wanted)
{
    bool any = wanted->number < 0 && !wanted->by_mac;
    struct device *last = NULL;
    int number = 0;
    for (unsigned i = 0; i < machine.count; i++) {
        struct device *device = &machine.found[i];
        if (device->transport.kind != MN_VIRTIO_NET)
            continue;
        if (any ? device->connected && !device->transport.in_use : is_wanted(device, wanted, number))
            return device;
        if (any && !device->connected)
            last = device;
        number++;
    }
    return last;
}

static bool parse_number(const char *text, int *number)
{
    bool one_or_two = text[0] != '\0' && (text[1] == '\0' || text[2] == '\0');
    *number = 0;
    for (; one_or_two && *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (*text - '0');
    return one_or_two && *text == '\0';
}

static bool parse_wanted(const char *host, struct wanted *wanted)
{
    *wanted = (struct wanted){.number = -1};
    if (host == NULL)
        return true;
    wanted->by_mac = mn_mac_parse(host, wanted->mac);
    return wanted->by_mac || parse_number(host, &wanted->number);
}

static struct mnet_device *open_net(struct device *device, const char *name, uint32_t offload, char *why,
                                    size_t why_size)
{
    struct mn_virtio_transport *t = &device->transport;
    if (!device->connected) {
        mn_format(why, why_size, "%.40s: the network device cannot be used: %s", name,
                  t->why != NULL ? t->why : "it has no interrupt that this machine can use");
        return NULL;
    }
    void *memory = memory_of(device, mn_virtio_net_bytes());
    int result = memory == NULL ? MNET_E_NO_MEMORY : mn_virtio_net_open(t, memory, name, offload, &device->net);
    if (result < 0) {
        mn_format(why, why_size, "%.40s: the network device cannot be used: %s", name,
                  t->why != NULL ? t->why : mnet_strerror(result));
        return NULL;
    }
    return device->net;
}

struct mnet_device *mn_devices_open_net(const char *name, const char *host, uint32_t offload, char *why,
                                        size_t why_size)
{
    struct wanted wanted;
    if (!parse_wanted(host, &wanted)) {
        mn_format(why, why_size, "%.40s: \"%.40s\" is neither the number nor the address of a network device", name,
                  host);
        return NULL;
    }
    struct device *device = find_net(&wanted);
    if (device == NULL) {
        mn_format(why, why_size, "%.40s: the machine has no %svirtio network device%s", name,
                  host == NULL && have(MN_VIRTIO_NET) ? "further " : "",
                  wanted.by_mac  ? " of that address"
                  : host != NULL ? " of that number"
                                 : "");
        return NULL;
    }
    if (device->transport.in_use) {
        mn_format(why, why_size, "%.40s: the network device is in use", name);
        return NULL;
    }
    return open_net(device, name, offload, why, why_size);
}
