/* Information of firmware and loaders for the bare machine: ACPI tables, devices on the command
 * line, PCI in memory. */
#include "support.h"

#include "ports/virtio/machine/x86.h"
#include "support/tables.h"

/* The configuration space of one bus, which is plain memory. */
static uint8_t space[1 << 20];
static uint64_t mapped; /* the address that the machine mapped */

void mn_out32(uint16_t port, uint32_t value)
{
    (void)port;
    (void)value;
}

uint32_t mn_in32(uint16_t port)
{
    (void)port;
    return UINT32_MAX; /* there are no ports of PCI */
}

void mn_out16(uint16_t port, uint16_t value)
{
    (void)port;
    (void)value;
}

uint16_t mn_in16(uint16_t port)
{
    (void)port;
    return UINT16_MAX;
}

uint8_t mn_in8(uint16_t port)
{
    (void)port;
    return UINT8_MAX;
}

volatile void *mn_machine_map_device(uint64_t address, uint64_t size)
{
    mapped = address;
    return size <= sizeof space ? space : NULL;
}

static struct mn_acpi acpi;

/* Reads the tables of a machine whose DSDT has this body. */
static void read_with(const void *dsdt, size_t len)
{
    uint8_t fadt[200] = {0};
    uint32_t address = tables_add("DSDT", dsdt, len, false);
    memcpy(fadt + 40 - 36, &address, 4);
    tables_add("FACP", fadt, sizeof fadt, true);
    mn_acpi_read(&acpi, TABLES_AT);
}

/* A range of memory of 512 MiB from 0xc0000000 on, as a host bridge has it. */
#define RANGE "\x87\x17\0\0\x0c\1\0\0\0\0\0\0\0\xc0\xff\xff\xff\xdf\0\0\0\0\0\0\0\x20"

static void pci_in_memory_is_told_by_a_method_of_the_bridge(void **state)
{
    (void)state;
    static const char text[] = "\x08_HID\x0dPNP0A08\0\x14\x0c_CBA\0\xa4\x0c\0\0\0\xe0\x08_CRS" RANGE "....";
    static const char number[] = "\x08_HID\x0c\x41\xd0\x0a\x08\x08_CBA\x0e\0\0\0\0\2\0\0\0\x08_CRS" RANGE "....";
    tables_begin();
    read_with(text, sizeof text);
    assert_int_equal(acpi.ecam, 0xe0000000);
    assert_int_equal(acpi.ecam_last, 255);
    assert_int_equal(acpi.pci_memory.start, 0xc0000000);
    assert_int_equal(acpi.pci_memory.end, 0xe0000000);
    tables_begin();
    read_with(number, sizeof number);
    assert_int_equal(acpi.ecam, UINT64_C(0x200000000));
}

static void pci_in_memory_is_told_by_a_table_of_its_own(void **state)
{
    (void)state;
    static const char nothing[] = "................";
    uint8_t mcfg[24] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 7};
    tables_begin();
    tables_add("MCFG", mcfg, sizeof mcfg, true);
    read_with(nothing, sizeof nothing);
    assert_int_equal(acpi.ecam, 0xb0000000);
    assert_int_equal(acpi.ecam_last, 7);
    mcfg[16] = 1; /* another segment */
    tables_begin();
    tables_add("MCFG", mcfg, sizeof mcfg, true);
    read_with(nothing, sizeof nothing);
    assert_int_equal(acpi.ecam, 0);
    tables_begin();
    tables_add("MCFG", mcfg, 10, true); /* without an entry */
    read_with(nothing, sizeof nothing);
    assert_int_equal(acpi.ecam, 0);
}

static uint32_t bar(unsigned device, unsigned number)
{
    uint32_t value;
    memcpy(&value, space + (device << 15) + 0x10 + 4 * number, 4);
    return value;
}

/* Two functions, one with a BAR of 64 bits, and one whose BAR has an address already. No firmware
 * has run. */
static void pci_in_memory_is_looked_through_and_given_places(void **state)
{
    (void)state;
    const struct mn_acpi told = {.ecam = 0xe0000000, .pci_memory = {0xc0000008, 0xc0001000}};
    char line[] = "";
    memset(space, 0xff, sizeof space);
    for (unsigned device = 1; device < 4; device += 2) {
        memset(space + (device << 15), 0, 256);
        space[device << 15] = 0xf4;
    }
    space[(1 << 15) + 0x10] = 4;    /* 64 bits */
    space[(1 << 15) + 0x14] = 0x77; /* and not zero above */
    space[(1 << 15) + 0x18] = 1;    /* a BAR of ports */
    space[(3 << 15) + 0x13] = 0xd0; /* it has an address */
    assert_null(mn_buses_read(line, &told));
    assert_int_equal(mapped, 0xe0000000);
    mn_pci_function function = MN_PCI_FIRST;
    assert_true(mn_pci_next(&function));
    assert_int_equal(function, 1 << 11);
    assert_int_equal(bar(1, 0) & ~15u, 0xc0000010);
    assert_int_equal(bar(1, 1), 0);
    assert_int_equal(bar(1, 2), 1);
    assert_true(mn_pci_next(&function));
    assert_int_equal(function, 3 << 11);
    assert_int_equal(bar(3, 0), 0xd0000000);
    assert_false(mn_pci_next(&function));
}

static void command_line_names_devices_between_any_blanks(void **state)
{
    (void)state;
    const struct mn_acpi none = {0};
    char line[] = "a\tvirtio_mmio.device=4K@0xd0000000:5\nb virtio_mmio.device=512@0xd0001000:6:1";
    const struct mn_mmio_device *devices;
    unsigned before = mn_machine_mmio_devices(&devices);
    assert_null(mn_buses_read(line, &none));
    assert_int_equal(mn_machine_mmio_devices(&devices), before + 2);
    assert_int_equal(devices[before].address, 0xd0000000);
    assert_int_equal(devices[before].size, 4096);
    assert_int_equal(devices[before + 1].gsi, 6);
    assert_null(strstr(line, "virtio"));
    assert_int_equal(line[0], 'a');
    assert_non_null(strchr(line, 'b'));
    char wrong[] = "virtio_mmio.device=4K@0xd0000000:5,";
    assert_non_null(mn_buses_read(wrong, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pci_in_memory_is_told_by_a_method_of_the_bridge),
        cmocka_unit_test(pci_in_memory_is_told_by_a_table_of_its_own),
        cmocka_unit_test(pci_in_memory_is_looked_through_and_given_places),
        cmocka_unit_test(command_line_names_devices_between_any_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
