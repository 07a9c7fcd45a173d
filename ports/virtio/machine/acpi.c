/* Reads the firmware's tables (ACPI 6.4): interrupt controllers, a timer, how to switch off, and
 * the places of virtio devices.
 *
 * A machine may have no tables (Firecracker's older ones have not); then it has one I/O APIC at the
 * usual place. Tables are checked before anything in them is believed; a field beyond the end of
 * its table is 0.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"

#define USUAL_IO_APIC 0xfec00000u
/* The memory that is searched for the root pointer (5.2.5.1). */
#define SEARCH_START ((uint64_t)0xe0000)
#define SEARCH_END ((uint64_t)0x100000)
/* No table that we read is larger, except the DSDT. */
#define TABLE_MAX (1u << 20)

#define HEADER_SIZE 36u

/* Fields of the FADT (5.2.9). */
#define FADT_DSDT 40u
#define FADT_PM1A_CONTROL 64u
#define FADT_TIMER 76u
#define FADT_FLAGS 112u
#define FADT_RESET 116u
#define FADT_RESET_VALUE 128u
#define FADT_X_DSDT 140u
#define FADT_SLEEP_CONTROL 244u
#define FLAG_RESET (1u << 10)
#define FLAG_REDUCED (1u << 20) /* hardware-reduced: no PM1a_CNT */

/* The first entry of the MCFG. */
#define MCFG_ENTRY 44u

/* Entries of the MADT (5.2.12). */
#define MADT_ENTRIES 44u
#define MADT_IO_APIC 1u
#define MADT_OVERRIDE 2u

struct table {
    const uint8_t *bytes;
    uint32_t size;
};

/* `size` bytes at a physical address, mapped; NULL if they cannot be. */
static const uint8_t *memory(uint64_t address, uint64_t size)
{
    if (address == 0 || address >> 46 != 0)
        return NULL;
    for (uint64_t page = address & ~(MN_PAGE - 1); page < address + size; page += MN_PAGE) {
        if (!mn_pages_readable(page) && !mn_pages_map(page, page + MN_PAGE, MN_ACCESS_READ))
            return NULL;
    }
    return (const uint8_t *)address;
}

static bool sums_to_zero(const uint8_t *bytes, uint32_t size)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

/* Numbers in tables are little-endian and not aligned. */
static uint64_t number(const struct table *table, uint32_t offset, unsigned size)
{
    uint64_t value = 0;
    if (offset + size <= table->size)
        memcpy(&value, table->bytes + offset, size);
    return value;
}

/* The table at an address, if it is one; its size is 0 if it is not. */
static struct table table_at(uint64_t address)
{
    const struct table none = {NULL, 0};
    struct table table = {memory(address, HEADER_SIZE), HEADER_SIZE};
    if (table.bytes == NULL)
        return none;
    table.size = (uint32_t)number(&table, 4, 4);
    if (table.size < HEADER_SIZE || table.size > TABLE_MAX || memory(address, table.size) == NULL)
        return none;
    return sums_to_zero(table.bytes, table.size) ? table : none;
}

static bool is_root_pointer(const uint8_t *bytes)
{
    return memcmp(bytes, "RSD PTR ", 8) == 0 && sums_to_zero(bytes, 20);
}

/* The root pointer's table of tables; `entry` is the size of its entries. */
static struct table root_table(uint64_t rsdp, unsigned *entry)
{
    const uint8_t *bytes = rsdp != 0 ? memory(rsdp, HEADER_SIZE) : NULL;
    for (uint64_t at = SEARCH_START; bytes == NULL && at < SEARCH_END; at += 16) {
        if (is_root_pointer((const uint8_t *)at))
            bytes = (const uint8_t *)at;
    }
    if (bytes == NULL || !is_root_pointer(bytes))
        return (struct table){NULL, 0};
    const struct table pointer = {bytes, HEADER_SIZE};
    bool extended = bytes[15] >= 2 && number(&pointer, 24, 8) != 0;
    *entry = extended ? 8 : 4;
    return table_at(extended ? number(&pointer, 24, 8) : number(&pointer, 16, 4));
}

static struct table find_table(const struct table *root, unsigned entry, const char *signature)
{
    for (uint32_t at = HEADER_SIZE; at + entry <= root->size; at += entry) {
        struct table table = table_at(number(root, at, entry));
        if (table.size > 0 && memcmp(table.bytes, signature, 4) == 0)
            return table;
    }
    return (struct table){NULL, 0};
}

static void read_interrupts(struct mn_acpi *acpi, const struct table *madt)
{
    for (uint32_t at = MADT_ENTRIES; at + 2 <= madt->size && madt->bytes[at + 1] >= 2; at += madt->bytes[at + 1]) {
        if (madt->bytes[at] == MADT_IO_APIC && acpi->io_apic_count < MN_IO_APICS_MAX)
            acpi->io_apics[acpi->io_apic_count++] = (struct mn_io_apic){number(madt, at + 4, 4),
                                                                        (uint32_t)number(madt, at + 8, 4)};
        if (madt->bytes[at] == MADT_OVERRIDE && number(madt, at + 3, 1) < MN_COUNT_OF(acpi->isa_gsi))
            acpi->isa_gsi[number(madt, at + 3, 1)] = (uint32_t)number(madt, at + 4, 4);
    }
}

/* A generic address structure (5.2.3.2). */
static struct mn_acpi_register register_at(const struct table *table, uint32_t offset)
{
    uint64_t space = number(table, offset, 1); /* 0: memory, 1: I/O */
    if (offset + 12 > table->size || space > 1)
        return (struct mn_acpi_register){false, 0};
    return (struct mn_acpi_register){space == 0, number(table, offset + 4, 8)};
}

/* The type of sleep that is off: the first number of the package \_S5 (7.4.2.6). Its definition is
 * searched for instead of interpreted: a name (08), a package (12) with its length and its count of
 * numbers, and a number, with a prefix (0A) unless it is 0 or 1. */
static uint8_t soft_off(const struct table *dsdt)
{
    for (uint32_t at = HEADER_SIZE; at + 12 < dsdt->size; at++) {
        const uint8_t *bytes = dsdt->bytes + at;
        if (memcmp(bytes, "\x08_S5_\x12", 6) != 0 && memcmp(bytes, "\x08\\_S5_\x12", 7) != 0)
            continue;
        bytes += bytes[1] == '\\' ? 7 : 6;
        bytes += 2; /* a length of one byte, the count */
        return bytes[0] == 0x0a ? bytes[1] : bytes[0];
    }
    return 0;
}

/* Virtio devices that the firmware describes: a name, "LNRO0005", and resources, searched for like
 * \_S5 above: a range of memory (6.4.3.4: 86, length 9, writable or not, address and size) and an
 * interrupt (6.4.3.6: 89, its length, flags, count, number). */
static void read_devices(struct mn_acpi *acpi, const struct table *dsdt)
{
    static const char name[] = "LNRO0005";
    struct mn_acpi_mmio device = {0, 0, 0};
    bool named = false, placed = false;
    for (uint32_t at = HEADER_SIZE; at + 12 < dsdt->size && acpi->mmio_count < MN_ACPI_MMIO_MAX; at++) {
        const uint8_t *bytes = dsdt->bytes + at;
        if (memcmp(bytes, name, sizeof name) == 0) {
            named = true;
            placed = false;
        } else if (named && !placed && memcmp(bytes, "\x86\x09\x00", 3) == 0) {
            device.address = (uint32_t)number(dsdt, at + 4, 4);
            device.size = (uint32_t)number(dsdt, at + 8, 4);
            placed = true;
        } else if (placed && bytes[0] == 0x89 && bytes[2] == 0 && bytes[4] == 1) {
            device.gsi = (uint32_t)number(dsdt, at + 5, 4);
            acpi->mmio[acpi->mmio_count++] = device;
            named = placed = false;
        }
    }
}

/* The first host bridge of PCI ("PNP0A08", as text or compressed), searched for like \_S5 above:
 * where its configuration space is in memory (\_CBA, PCI Firmware Specification 3.3, 4.1.3: a
 * number of 4 or 8 bytes, or a method that returns it), and the first range of memory for BARs
 * (6.4.3.5.2: 87, length 23, memory; granularity, first, last, translation, length). */
static void read_pci(struct mn_acpi *acpi, const struct table *dsdt)
{
    bool bridge = false;
    for (uint32_t at = HEADER_SIZE; at + 26 <= dsdt->size && acpi->pci_memory.end == 0; at++) {
        const uint8_t *bytes = dsdt->bytes + at;
        if (memcmp(bytes, "PNP0A08", 8) == 0 || memcmp(bytes, "\x0c\x41\xd0\x0a\x08", 5) == 0)
            bridge = true;
        if (bridge && memcmp(bytes, "_CBA", 4) == 0) {
            uint32_t place = at + (bytes[4] == 0 && bytes[5] == 0xa4 ? 6 : 4);
            uint64_t kind = number(dsdt, place, 1);
            acpi->ecam = kind == 0x0c || kind == 0x0e ? number(dsdt, place + 1, kind == 0x0c ? 4 : 8) : 0;
            acpi->ecam_last = 255;
        }
        if (bridge && memcmp(bytes, "\x87\x17\0\0", 4) == 0) {
            acpi->pci_memory.start = number(dsdt, at + 10, 4);
            acpi->pci_memory.end = acpi->pci_memory.start + number(dsdt, at + 22, 4);
        }
    }
}

/* PCI Firmware Specification 3.3, 4.1.2: of the first segment, if it begins with bus 0. */
static void read_mcfg(struct mn_acpi *acpi, const struct table *mcfg)
{
    if (mcfg->size < MCFG_ENTRY + 16 || number(mcfg, MCFG_ENTRY + 8, 3) != 0)
        return;
    acpi->ecam = number(mcfg, MCFG_ENTRY, 8);
    acpi->ecam_last = (uint8_t)number(mcfg, MCFG_ENTRY + 11, 1);
}

static void read_fadt(struct mn_acpi *acpi, const struct table *fadt)
{
    uint64_t flags = number(fadt, FADT_FLAGS, 4);
    uint64_t x_dsdt = number(fadt, FADT_X_DSDT, 8);
    struct table dsdt = table_at(x_dsdt != 0 ? x_dsdt : number(fadt, FADT_DSDT, 4));
    acpi->sleep_type = soft_off(&dsdt);
    read_devices(acpi, &dsdt);
    read_pci(acpi, &dsdt);
    acpi->sleep_is_control = (flags & FLAG_REDUCED) != 0;
    if (acpi->sleep_is_control)
        acpi->sleep = register_at(fadt, FADT_SLEEP_CONTROL);
    else
        acpi->sleep = (struct mn_acpi_register){false, number(fadt, FADT_PM1A_CONTROL, 4)};
    if ((flags & FLAG_RESET) != 0) {
        acpi->reset = register_at(fadt, FADT_RESET);
        acpi->reset_value = (uint8_t)number(fadt, FADT_RESET_VALUE, 1);
    }
    if (!acpi->sleep_is_control)
        acpi->timer_port = (uint32_t)number(fadt, FADT_TIMER, 4);
}

void mn_acpi_read(struct mn_acpi *acpi, uint64_t rsdp)
{
    unsigned entry = 4;
    *acpi = (struct mn_acpi){0};
    for (uint32_t i = 0; i < MN_COUNT_OF(acpi->isa_gsi); i++)
        acpi->isa_gsi[i] = i;
    struct table root = root_table(rsdp, &entry);
    struct table madt = find_table(&root, entry, "APIC");
    struct table fadt = find_table(&root, entry, "FACP");
    struct table mcfg = find_table(&root, entry, "MCFG");
    read_interrupts(acpi, &madt);
    if (fadt.size > 0)
        read_fadt(acpi, &fadt);
    read_mcfg(acpi, &mcfg); /* has the last word */
    if (acpi->io_apic_count == 0)
        acpi->io_apics[acpi->io_apic_count++] = (struct mn_io_apic){USUAL_IO_APIC, 0};
}
