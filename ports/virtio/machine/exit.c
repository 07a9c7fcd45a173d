/* The end of the machine.
 *
 * Success is to switch off by ACPI. A failing status goes to QEMU's isa-debug-exit device at its
 * usual port, if there is one; QEMU's own exit status is then the status with its lowest bit set
 * (1 for 1). Then all other ways to end a machine are tried: ACPI, the reset register, the keyboard
 * controller (Firecracker then switches off), a triple fault.
 */
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#include "base/format.h"

#define DEBUG_EXIT 0x501
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET 0xfe

/* Of PM1a_CNT and of the sleep control register (ACPI 6.4, 4.8.3.2.1 and 4.8.3.7). */
#define PM1_SLEEP_SHIFT 10
#define PM1_SLEEP_ENABLE (1u << 13)
#define CONTROL_SLEEP_SHIFT 2
#define CONTROL_SLEEP_ENABLE (1u << 5)

static struct exit_machine {
    struct mn_acpi acpi;
} machine;

void mn_exit_start(const struct mn_acpi *acpi)
{
    machine.acpi = *acpi;
    /* Pages for registers are wanted now: there may be no memory when it comes to using them. */
    if (machine.acpi.sleep.memory && mn_machine_map_device(machine.acpi.sleep.address, 1) == NULL)
        machine.acpi.sleep.address = 0;
    if (machine.acpi.reset.memory && mn_machine_map_device(machine.acpi.reset.address, 1) == NULL)
        machine.acpi.reset.address = 0;
}

static void write8(const struct mn_acpi_register *to, uint8_t value)
{
    if (to->memory)
        *(volatile uint8_t *)to->address = value;
    else
        mn_out8((uint16_t)to->address, value);
}

static void switch_off(void)
{
    if (machine.acpi.sleep.address == 0)
        return;
    if (machine.acpi.sleep_is_control)
        write8(&machine.acpi.sleep, (uint8_t)((machine.acpi.sleep_type << CONTROL_SLEEP_SHIFT) | CONTROL_SLEEP_ENABLE));
    else
        mn_out16((uint16_t)machine.acpi.sleep.address,
                 (uint16_t)((machine.acpi.sleep_type << PM1_SLEEP_SHIFT) | PM1_SLEEP_ENABLE));
}

_Noreturn void mn_machine_exit(int status)
{
    __asm__ volatile("cli");
    if (status != 0) {
        char line[40];
        size_t len = mn_format(line, sizeof line, "exit status %d\n", status & 255);
        mn_machine_print(line, len);
        mn_console_flush();
        mn_out16(DEBUG_EXIT, (uint16_t)((status & 255) >> 1));
    }
    mn_console_flush();
    switch_off();
    if (machine.acpi.reset.address != 0)
        write8(&machine.acpi.reset, machine.acpi.reset_value);
    mn_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } no_vectors = {0, 0};
    __asm__ volatile("lidt %0; ud2" : : "m"(no_vectors));
    for (;;)
        __asm__ volatile("cli; hlt");
}
