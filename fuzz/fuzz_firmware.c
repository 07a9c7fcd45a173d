/* Information from the firmware and the loader for the bare machine: ACPI tables, and a command
 * line.
 *
 * The first two bytes decide whether the root pointer is valid, and give the length of the command
 * line, which follows. Tables come next: a number that stands for their signature, two bytes of
 * length, and a body. Checksums are right, because the parser reads nothing else. Tables refer to
 * one another by addresses of 4 bytes. The memory begins alike each time, so the input can name
 * these addresses.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "ports/bare/arguments.h"
#include "ports/virtio/machine/x86.h"
#include "tests/support/tables.h"

#define WORDS 8

void mn_out32(uint16_t port, uint32_t value)
{
    (void)port;
    (void)value;
}

uint32_t mn_in32(uint16_t port)
{
    (void)port;
    return 0;
}

void mn_out16(uint16_t port, uint16_t value)
{
    (void)port;
    (void)value;
}

uint16_t mn_in16(uint16_t port)
{
    (void)port;
    return 0;
}

uint8_t mn_in8(uint16_t port)
{
    (void)port;
    return 0;
}

volatile void *mn_machine_map_device(uint64_t address, uint64_t size)
{
    (void)address;
    (void)size;
    return NULL;
}

static void read_line(char *line, const struct mn_acpi *acpi)
{
    char program[] = "program";
    char *argv[WORDS + 1];
    int argc;
    (void)mn_buses_read(line, acpi);
    if (mn_arguments_split(line, program, argv, WORDS, &argc) && mn_arguments_leave_kernel(argv, &argc) == NULL &&
        (argc < 1 || argv[argc] != NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const signatures[] = {"APIC", "FACP", "DSDT", "MCFG"};
    struct mn_acpi acpi;
    if (size < 2)
        return 0;
    size_t len = data[1] < size - 2 ? data[1] : size - 2;
    char *line = malloc(len + 1); /* a read behind it is caught */
    memcpy(line, data + 2, len);
    line[len] = '\0';
    tables_begin();
    tables[0] ^= data[0] & 1;
    for (size_t at = 2 + len; at + 3 <= size;) {
        size_t body = (size_t)data[at + 1] | (size_t)data[at + 2] << 8;
        body = body < size - at - 3 ? body : size - at - 3;
        (void)tables_add(signatures[data[at] & 3], data + at + 3, body, (data[at] & 3) != 2);
        at += 3 + body;
    }
    mn_acpi_read(&acpi, TABLES_AT);
    read_line(line, &acpi);
    free(line);
    return 0;
}
