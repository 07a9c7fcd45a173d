/* The steps that both transports share: reset, agreement, configuration of one moment. */
#include "ports/virtio/transport.h"

#include <mnet/error.h>
#include <mnet/time.h>

#include "base/base.h"

#define RESET_NS (1 * MNET_SECOND)
/* A device that is still resetting is asked again after this. */
#define RESET_STEP_NS (1 * MNET_MILLISECOND)
/* Configuration that changed while it was read is read again so often. */
#define CONFIG_TRIES 8

static bool inside(const struct mn_virtio_window *window, uint32_t offset, unsigned bytes)
{
    return window->address != 0 && offset <= window->bytes && bytes <= window->bytes - offset;
}

uint32_t mn_virtio_read(const struct mn_virtio_transport *t, const struct mn_virtio_window *window, uint32_t offset,
                        unsigned bytes)
{
    return inside(window, offset, bytes) ? t->machine->read(t->machine->context, window->address + offset, bytes) : 0;
}

void mn_virtio_write(const struct mn_virtio_transport *t, const struct mn_virtio_window *window, uint32_t offset,
                     unsigned bytes, uint32_t value)
{
    if (inside(window, offset, bytes))
        t->machine->write(t->machine->context, window->address + offset, bytes, value);
}

static bool take(volatile bool *raised)
{
    bool was = raised == NULL || *raised;
    if (was && raised != NULL)
        *raised = false;
    return was;
}

void mn_virtio_look(struct mn_virtio_transport *t)
{
    bool raised = take(t->raised);
    if (t->one_message)
        t->config_changed |= raised;
    else if (t->messages)
        t->config_changed |= take(t->config_raised);
    else if (raised && t->ops->acknowledge(t) & MN_VIRTIO_INTERRUPT_CONFIG)
        t->config_changed = true;
}

/* 2.4.2: reset has happened when the status reads 0. Firecracker's devices refuse it once they are
 * in use, and say so by FAILED. */
bool mn_virtio_reset(struct mn_virtio_transport *t)
{
    const struct mn_virtio_machine *machine = t->machine;
    uint8_t before = t->ops->get_status(t), status;
    t->ops->set_status(t, 0);
    uint64_t end = machine->now(machine->context) + RESET_NS;
    while ((status = t->ops->get_status(t)) != 0) {
        uint64_t now = machine->now(machine->context);
        bool refused = (status & ~before & MN_VIRTIO_FAILED) != 0;
        t->running |= refused || now >= end;
        if (refused || now >= end)
            return false;
        machine->wait(machine->context, now + RESET_STEP_NS);
    }
    t->running = false;
    return true;
}

/* 2.1.1: bits are only ever added. */
static void add_status(struct mn_virtio_transport *t, uint8_t bits)
{
    t->ops->set_status(t, t->ops->get_status(t) | bits);
}

void mn_virtio_fail(struct mn_virtio_transport *t)
{
    add_status(t, MN_VIRTIO_FAILED);
}

int mn_virtio_begin(struct mn_virtio_transport *t, uint64_t *offered)
{
    t->config_changed = false;
    if (!mn_virtio_reset(t))
        return MNET_E_IO;
    add_status(t, MN_VIRTIO_ACKNOWLEDGE);
    add_status(t, MN_VIRTIO_DRIVER);
    *offered = t->ops->device_features(t);
    return MNET_OK;
}

int mn_virtio_agree(struct mn_virtio_transport *t, uint64_t features)
{
    if (t->legacy) { /* 3.1.2: without FEATURES_OK */
        t->ops->accept_features(t, features & UINT32_MAX);
        return MNET_OK;
    }
    /* 6.1: a device that offers VERSION_1 wants it accepted, and one that does not is none of ours.
     * Addresses and the order of accesses are those of the bus, whether or not a device offers to
     * keep to that. */
    uint64_t offered = t->ops->device_features(t);
    if (!(offered & MN_VIRTIO_F_VERSION_1)) {
        mn_virtio_fail(t);
        return MNET_E_IO;
    }
    features |= offered & (MN_VIRTIO_F_VERSION_1 | MN_VIRTIO_F_ACCESS_PLATFORM | MN_VIRTIO_F_ORDER_PLATFORM);
    t->ops->accept_features(t, features);
    add_status(t, MN_VIRTIO_FEATURES_OK);
    if (t->ops->get_status(t) & MN_VIRTIO_FEATURES_OK) /* 3.1.1, step 6 */
        return MNET_OK;
    mn_virtio_fail(t);
    return MNET_E_IO;
}

bool mn_virtio_ready(struct mn_virtio_transport *t)
{
    add_status(t, MN_VIRTIO_DRIVER_OK);
    return !(t->ops->get_status(t) & (MN_VIRTIO_NEEDS_RESET | MN_VIRTIO_FAILED));
}

/* 2.5.1: fields of more than 32 bits, and several fields, are of one moment if the generation is
 * the same before and after. Legacy devices have none (2.5.4): they are read until two readings
 * agree. */
bool mn_virtio_config(struct mn_virtio_transport *t, unsigned offset, void *to, unsigned bytes)
{
    uint8_t first[16], second[16];
    MN_ASSERT(bytes <= sizeof first);
    for (int tries = 0; tries < CONFIG_TRIES; tries++) {
        uint32_t before = t->ops->config_generation(t);
        t->ops->config(t, offset, first, bytes);
        t->ops->config(t, offset, second, t->legacy ? bytes : 0);
        bool same = t->ops->config_generation(t) == before;
        for (unsigned i = 0; t->legacy && i < bytes; i++)
            same &= first[i] == second[i];
        if (!same)
            continue;
        for (unsigned i = 0; i < bytes; i++)
            ((uint8_t *)to)[i] = first[i];
        return true;
    }
    return false;
}
