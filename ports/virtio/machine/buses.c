/* Finds devices: those that the command line or ACPI names, and those in PCI's configuration space.
 *
 * That space is reached by its ports (PCI Local Bus 3.0, 3.2.2.3.2), or in a machine without these
 * in memory (ECAM; PCI Express 5.0, 7.2.2), which ACPI tells of. No firmware has given BARs their
 * addresses in such a machine: that is done here, as functions are found.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE (1u << 31)

#define PCI_VENDOR 0x00u
#define PCI_HEADER_TYPE 0x0eu
#define PCI_MULTI_FUNCTION 0x80u
#define PCI_NOBODY 0xffffu
#define PCI_LAST (256u << 16) /* behind the last function */
#define PCI_BAR_0 0x10u
#define PCI_BARS 6u
#define PCI_BAR_IO 1u
#define PCI_BAR_64 4u

#define MMIO_DEVICES_MAX 32
static const char mmio_option[] = "virtio_mmio.device=";

static struct buses_machine {
    struct mn_mmio_device mmio[MMIO_DEVICES_MAX];
    unsigned mmio_count;
    volatile uint8_t *ecam; /* NULL: ports are used */
    mn_pci_function pci_last;
    struct mn_memory_range pci_memory; /* not given to a BAR yet */
} machine;

/* ---- PCI ---- */

static uint16_t pci_select(mn_pci_function function, unsigned offset)
{
    mn_out32(PCI_ADDRESS, PCI_ENABLE | function | (offset & 0xfc));
    return (uint16_t)(PCI_DATA + (offset & 3));
}

static volatile void *pci_place(mn_pci_function function, unsigned offset)
{
    return machine.ecam + ((size_t)function << 4) + offset;
}

uint8_t mn_pci_read8(mn_pci_function function, unsigned offset)
{
    return machine.ecam != NULL ? *(volatile uint8_t *)pci_place(function, offset)
                                : mn_in8(pci_select(function, offset));
}

uint16_t mn_pci_read16(mn_pci_function function, unsigned offset)
{
    return machine.ecam != NULL ? *(volatile uint16_t *)pci_place(function, offset)
                                : mn_in16(pci_select(function, offset));
}

uint32_t mn_pci_read32(mn_pci_function function, unsigned offset)
{
    return machine.ecam != NULL ? *(volatile uint32_t *)pci_place(function, offset)
                                : mn_in32(pci_select(function, offset));
}

void mn_pci_write16(mn_pci_function function, unsigned offset, uint16_t value)
{
    if (machine.ecam != NULL)
        *(volatile uint16_t *)pci_place(function, offset) = value;
    else
        mn_out16(pci_select(function, offset), value);
}

void mn_pci_write32(mn_pci_function function, unsigned offset, uint32_t value)
{
    if (machine.ecam != NULL)
        *(volatile uint32_t *)pci_place(function, offset) = value;
    else
        mn_out32(pci_select(function, offset), value);
}

/* Returns true if the ports are there: the address register keeps a written value, and nothing else
 * does. */
static bool has_ports(void)
{
    mn_out32(PCI_ADDRESS, PCI_ENABLE);
    return mn_in32(PCI_ADDRESS) == PCI_ENABLE;
}

/* No PCI is no bus. */
static void find_pci(const struct mn_acpi *acpi)
{
    if (has_ports()) {
        machine.pci_last = PCI_LAST;
    } else if (acpi->ecam != 0) {
        machine.ecam = mn_machine_map_device(acpi->ecam, (acpi->ecam_last + UINT64_C(1)) << 20);
        machine.pci_last = machine.ecam != NULL ? (acpi->ecam_last + 1u) << 16 : 0;
        machine.pci_memory = acpi->pci_memory;
    }
}

/* Gives a BAR of memory (PCI Local Bus 3.0, 6.2.5.1) a place if it has none; whether it takes two
 * registers. */
static bool place_bar(mn_pci_function function, unsigned offset)
{
    uint32_t before = mn_pci_read32(function, offset);
    bool wide = (before & 7) == PCI_BAR_64;
    mn_pci_write32(function, offset, UINT32_MAX);
    uint64_t size = -(mn_pci_read32(function, offset) & ~15u) & UINT32_MAX;
    uint64_t start = (machine.pci_memory.start + size - 1) & ~(size - 1);
    bool place = (before & ~15u) == 0 && (before & PCI_BAR_IO) == 0 && size != 0 &&
                 start + size <= machine.pci_memory.end;
    mn_pci_write32(function, offset, place ? (uint32_t)start : before);
    if (place)
        machine.pci_memory.start = start + size;
    if (place && wide)
        mn_pci_write32(function, offset + 4, 0);
    return wide;
}

static void place_bars(mn_pci_function function)
{
    bool ordinary = (mn_pci_read8(function, PCI_HEADER_TYPE) & 0x7f) == 0;
    for (unsigned bar = 0; bar < PCI_BARS && ordinary; bar++)
        bar += place_bar(function, PCI_BAR_0 + 4 * bar);
}

/* The function after this one: those of a device without several are skipped. */
static mn_pci_function pci_step(mn_pci_function function)
{
    bool multi = (mn_pci_read8(function & ~0x700u, PCI_HEADER_TYPE) & PCI_MULTI_FUNCTION) != 0;
    bool there = mn_pci_read16(function & ~0x700u, PCI_VENDOR) != PCI_NOBODY;
    return multi && there ? function + 0x100 : (function | 0x700) + 0x100;
}

bool mn_pci_next(mn_pci_function *function)
{
    mn_pci_function at = *function == MN_PCI_FIRST ? 0 : pci_step(*function);
    for (; at < machine.pci_last; at = pci_step(at)) {
        if (mn_pci_read16(at, PCI_VENDOR) != PCI_NOBODY) {
            if (machine.pci_memory.start < machine.pci_memory.end)
                place_bars(at);
            *function = at;
            return true;
        }
    }
    return false;
}

/* ---- The command line ---- */

static int digit(char c, unsigned base)
{
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;
    return value < (int)base ? value : -1;
}

/* A number, decimal or hexadecimal after 0x, at most 2^46, and behind it. False if there is
 * none. */
static bool take_number(const char **text, uint64_t *value)
{
    bool hex = (*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X');
    unsigned base = hex ? 16 : 10;
    const char *at = *text + (hex ? 2 : 0);
    const char *first = at;
    for (*value = 0; digit(*at, base) >= 0; at++) {
        *value = *value * base + (unsigned)digit(*at, base);
        if (*value >> 46 != 0)
            return false;
    }
    *text = at;
    return at > first;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    ++*text;
    return true;
}

/* Behind a word, or in front of one. */
static bool is_end(char c)
{
    return c == '\0' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* SIZE[K|M]@ADDRESS:GSI[:ID], as Linux has it (Documentation/admin-guide/kernel-parameters.txt). */
static bool take_device(const char **text, struct mn_mmio_device *device)
{
    uint64_t gsi, id;
    if (!take_number(text, &device->size))
        return false;
    unsigned shift = take_char(text, 'K') || take_char(text, 'k') ? 10 : take_char(text, 'M') ? 20 : 0;
    device->size <<= shift;
    if (!take_char(text, '@') || !take_number(text, &device->address) || !take_char(text, ':') ||
        !take_number(text, &gsi))
        return false;
    if (take_char(text, ':') && !take_number(text, &id))
        return false;
    device->gsi = (unsigned)gsi;
    return gsi <= UINT16_MAX && device->size > 0 && is_end(**text);
}

/* A device that both name is one device. */
static void add_device(struct mn_mmio_device device)
{
    for (unsigned i = 0; i < machine.mmio_count; i++) {
        if (machine.mmio[i].address == device.address)
            return;
    }
    if (machine.mmio_count < MMIO_DEVICES_MAX)
        machine.mmio[machine.mmio_count++] = device;
}

const char *mn_buses_read(char *command_line, const struct mn_acpi *acpi)
{
    size_t len = sizeof mmio_option - 1;
    for (char *at = command_line; (at = strstr(at, mmio_option)) != NULL;) {
        const char *end = at + len;
        if (at > command_line && !is_end(at[-1])) {
            at += len; /* the end of another word */
            continue;
        }
        struct mn_mmio_device device;
        if (!take_device(&end, &device))
            return "virtio_mmio.device must be SIZE@ADDRESS:INTERRUPT";
        add_device(device);
        memset(at, ' ', (size_t)(end - at)); /* the program does not see it */
    }
    for (unsigned i = 0; i < acpi->mmio_count; i++)
        add_device((struct mn_mmio_device){acpi->mmio[i].address, acpi->mmio[i].size, acpi->mmio[i].gsi});
    find_pci(acpi);
    return NULL;
}

unsigned mn_machine_mmio_devices(const struct mn_mmio_device **devices)
{
    *devices = machine.mmio;
    return machine.mmio_count;
}
