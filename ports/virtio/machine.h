/* The bare x86-64 machine under the drivers: memory, time, waiting, interrupts, buses, and its end.
 *
 * One processor, and one rule that makes the rest simple: interrupts are enabled inside
 * mn_machine_wait (and mn_machine_take_interrupts) only, and all that one does is to set a flag and
 * end the wait. Nothing runs behind the back of a driver or a task, and what happens between a
 * driver's last look at its device and the halt is still pending then, so no wake-up is lost.
 *
 * Memory is mapped one to one: a pointer is the physical address that a device is told.
 */
#ifndef MN_MACHINE_H
#define MN_MACHINE_H

#include <mnet/time.h>

#include "base/base.h"

/* ---- Memory ---- */

/* `size` zeroed bytes, contiguous, aligned to `alignment` (a power of two, at most 4096) and to 64
 * bytes; never given back: for rings, which a device needs as long as the machine runs. NULL if
 * there are none left. */
void *mn_machine_allocate(size_t size, size_t alignment);

/* The address of `pointer` on the bus. */
static inline uint64_t mn_machine_physical(const volatile void *pointer)
{
    return (uintptr_t)pointer;
}

/* Maps `size` bytes of a device's registers at the physical `address`, uncached; mapping the same
 * ones again is harmless. NULL if memory is there, or there is none for page tables. */
volatile void *mn_machine_map_device(uint64_t address, uint64_t size);

/* The file that the loader has put into memory for the machine, to be read, and its size; NULL:
 * there is none. */
const void *mn_machine_module(size_t *size);

/* ---- Time ---- */

/* Nanoseconds since the machine was entered; never goes back. */
uint64_t mn_machine_now(void);

/* Halts the processor until an interrupt comes, or `deadline` (absolute; MNET_NEVER: none). Returns
 * at once if an interrupt is armed for an event that has happened already, and may return early for
 * no reason. */
void mn_machine_wait(uint64_t deadline);

/* Takes the interrupts that have come, for a program that never waits. */
void mn_machine_take_interrupts(void);

/* ---- Interrupts ---- */

/* An interrupt of a device, in the driver's own memory. */
struct mn_interrupt {
    /* Called before the processor halts, as often as that is tried: asks the device to interrupt
     * when something happens, and then looks once more. True: something has happened already; do
     * not halt. NULL: the device interrupts without being asked. */
    bool (*arm)(struct mn_interrupt *interrupt);
    /* Set by the interrupt; the driver clears it before it looks at the device. */
    volatile bool raised;
    volatile uint32_t count;   /* of interrupts, modulo 2^32 */
    unsigned vector;           /* the machine's */
    struct mn_interrupt *next; /* the machine's */
};

/* Connects `interrupt` to an input of an I/O APIC, edge triggered: the driver must take back the
 * device's request (virtio-mmio: InterruptACK) before it looks at the device. False if there
 * is no such input, or vectors are used up. */
bool mn_interrupt_on_line(struct mn_interrupt *interrupt, unsigned gsi);
/* Reserves a message for `interrupt`, an entry of the device's MSI-X table. False if vectors are
 * used up. */
bool mn_interrupt_on_message(struct mn_interrupt *interrupt, uint64_t *address, uint32_t *data);
/* The interrupt no longer comes; one that still does is ignored. */
void mn_interrupt_remove(struct mn_interrupt *interrupt);

/* ---- Devices ---- */

/* A virtio-mmio transport that the command line names (virtio_mmio.device=SIZE@ADDRESS:GSI), or
 * ACPI. */
struct mn_mmio_device {
    uint64_t address;
    uint64_t size;
    unsigned gsi;
};

/* All of them, first those of the command line; returns how many. They are not mapped. */
unsigned mn_machine_mmio_devices(const struct mn_mmio_device **devices);

/* A PCI function: bus << 16 | device << 11 | function << 8. */
typedef uint32_t mn_pci_function;

/* Steps to the next PCI function that is there, of all buses; begin with *function = MN_PCI_FIRST.
 * False at the end. */
#define MN_PCI_FIRST UINT32_MAX
bool mn_pci_next(mn_pci_function *function);
/* Configuration space; `offset` is a multiple of the size, below 256. */
uint8_t mn_pci_read8(mn_pci_function function, unsigned offset);
uint16_t mn_pci_read16(mn_pci_function function, unsigned offset);
uint32_t mn_pci_read32(mn_pci_function function, unsigned offset);
void mn_pci_write16(mn_pci_function function, unsigned offset, uint16_t value);
void mn_pci_write32(mn_pci_function function, unsigned offset, uint32_t value);

/* ---- Console and end ---- */

/* Writes to the serial line. */
void mn_machine_print(const char *text, size_t len);
/* Ends the machine; `status` 0 is success. */
_Noreturn void mn_machine_exit(int status);

#endif
