/* The parts of the bare machine, among themselves. In the order of start.c, which is the order in
 * which they come up.
 *
 * A file that has state keeps it in two structs: `processor` has the state that a further processor
 * would have again, and `machine` has the state of the whole machine.
 */
#ifndef MN_VIRTIO_INTERNAL_H
#define MN_VIRTIO_INTERNAL_H

#include "ports/bare/heap.h"
#include "ports/virtio/machine.h"

#define MN_PAGE ((uint64_t)4096)

/* The places of the image (virtio.ld): executable, read-only and writable pages. Symbols may follow
 * up to mn_image_end. */
extern char mn_image_start[], mn_text_end[], mn_rodata_end[], mn_bss_end[];
extern char mn_main_stack_guard[], mn_main_stack_end[];

/* ---- console.c: a 16550 at the usual place ---- */

void mn_console_start(void);
/* One character that has come, or -1. */
int mn_console_read(void);
/* From now on the line interrupts: if `on` when a character has come, and always when it can send
 * again. */
void mn_console_listen(bool on);
/* Gives the line as much as it takes of the printed text. */
void mn_console_send(void);
/* Returns true if the line still has a reason to interrupt; its interrupt comes again only after it
 * had none. */
bool mn_console_interrupts(void);
/* The same as mn_console_send until all has gone, or nobody reads it: for the end. */
void mn_console_flush(void);

/* ---- pvh.c: the information of the loader ---- */

struct mn_memory_range {
    uint64_t start, end;
};

#define MN_RAM_MAX 32

/* The parts of the machine. */
struct mn_boot {
    /* Usable, whole pages, above 1 MiB, in no particular order. */
    struct mn_memory_range ram[MN_RAM_MAX];
    unsigned ram_count;
    struct mn_memory_range module; /* the bytes of the first one; empty: there is none */
    uint64_t rsdp;                 /* of ACPI; 0: the loader knows of none */
    char command_line[2048];
};

/* Reads the start info at `address`. NULL, or the fault in it. */
const char *mn_pvh_read(struct mn_boot *boot, uint64_t address);

/* ---- pages.c: the map of memory ---- */

enum mn_access {
    MN_ACCESS_NONE,
    MN_ACCESS_EXECUTE, /* and read */
    MN_ACCESS_READ,
    MN_ACCESS_WRITE,  /* and read */
    MN_ACCESS_DEVICE, /* uncached */
};

/* Replaces the first map: the image with its rights, RAM, and a page of nothing below the main
 * stack and at address 0. Puts the memory that is free into `heap`. False if there is not enough
 * for the tables. */
bool mn_pages_start(const struct mn_boot *boot, struct mn_heap *heap);
/* Changes the rights of whole pages. False if there is no memory for tables. */
bool mn_pages_map(uint64_t start, uint64_t end, enum mn_access access);
/* Makes a page inaccessible, for the heap. */
bool mn_pages_guard(void *page);
/* Returns true if a byte can be read. */
bool mn_pages_readable(uint64_t address);
/* Returns true if any of `start` to `end` is memory of ours. */
bool mn_pages_is_ram(uint64_t start, uint64_t end);

/* ---- traps.c: exceptions and their report ---- */

/* The registers that the processor pushes, and vectors.S after it. */
struct mn_trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

#define MN_VECTOR_TIMER 32u
#define MN_VECTOR_DEVICES 33u   /* and up */
#define MN_VECTOR_PIC 112u      /* the 16 of the old controllers, which are masked */
#define MN_VECTOR_SPURIOUS 127u /* the last one of vectors.S */

void mn_traps_start(void);
_Noreturn void mn_trap(const struct mn_trap_frame *frame);

/* ---- symbols.c: names of functions ---- */

/* Returns the name of the function that `address` is in, and its first address. NULL if that is not
 * known. */
const char *mn_symbol(uint64_t address, uint64_t *start);
/* The program's name, from the same table; "mnet" without one. */
const char *mn_program_name(void);
/* The first page behind the image and its symbols. */
uint64_t mn_image_end(void);

/* ---- acpi.c: the tables of the firmware ---- */

struct mn_io_apic {
    uint64_t address;
    uint32_t first_gsi;
};

#define MN_IO_APICS_MAX 4

struct mn_acpi_register {
    bool memory; /* else an I/O port */
    uint64_t address;
};

#define MN_ACPI_MMIO_MAX 32

struct mn_acpi_mmio {
    uint32_t address, size, gsi;
};

struct mn_acpi {
    struct mn_io_apic io_apics[MN_IO_APICS_MAX];
    unsigned io_apic_count;
    uint32_t isa_gsi[16];                 /* where the old interrupts arrive */
    uint32_t timer_port;                  /* of the power management timer; 0: none */
    struct mn_acpi_register sleep, reset; /* address 0: none */
    /* A sleep control register of its own, 8 bits; else PM1a_CNT, 16 bits. */
    bool sleep_is_control;
    uint8_t sleep_type;
    uint8_t reset_value;
    struct mn_acpi_mmio mmio[MN_ACPI_MMIO_MAX]; /* virtio devices */
    unsigned mmio_count;
    uint64_t ecam; /* PCI's configuration space in memory, from bus 0 to ecam_last; 0: none */
    uint8_t ecam_last;
    struct mn_memory_range pci_memory; /* for BARs of PCI functions; empty: not known */
};

/* Reads the tables, as far as they are there and make sense. */
void mn_acpi_read(struct mn_acpi *acpi, uint64_t rsdp);

/* ---- clock.c ---- */

/* Time 0 is when the time stamp counter was `entered`. False if nothing tells how fast the
 * processor counts. */
bool mn_clock_start(const struct mn_acpi *acpi, uint64_t entered);
/* Time stamps in `ns` nanoseconds, as mn_machine_now counts them. */
uint64_t mn_clock_ticks(uint64_t ns);
/* Returns true if the host keeps the clock (pvclock). *start is its time at time 0 of ours. */
bool mn_clock_is_hosts(uint64_t *start);

/* ---- wall.c: the time of day ---- */

/* In nanoseconds since 1970-01-01 00:00 UTC, or 0 if no clock tells it. */
uint64_t mn_machine_wall(void);

/* The counts of two clocks in the same time. */
struct mn_interval {
    uint64_t ticks, counts;
};
/* Measures again and again until two measurements agree on the rate, so often at most that it takes
 * a moment: their sum, or that of the two that are nearest to each other. False if one could not be
 * made. */
bool mn_measure(bool (*once)(const void *what, struct mn_interval *interval), const void *what,
                struct mn_interval *agreed);

/* ---- interrupts.c: local and I/O APIC, the timer ---- */

/* False if the processor has no local APIC. */
bool mn_interrupts_start(const struct mn_acpi *acpi);

/* ---- exit.c ---- */

void mn_exit_start(const struct mn_acpi *acpi);

/* ---- buses.c ---- */

/* Takes the devices out of the command line, and adds those of ACPI; looks for PCI. NULL, or the
 * fault of the command line. */
const char *mn_buses_read(char *command_line, const struct mn_acpi *acpi);

#endif
