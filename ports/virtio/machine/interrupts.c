/* Interrupts: the local APIC and its timer, I/O APICs, messages, and waiting for all of them (SDM
 * 3, chapter 11).
 *
 * They are enabled only for the halt in mn_machine_wait, and for an instruction in
 * mn_machine_take_interrupts: `sti` holds them off for one more instruction, so between the last
 * look and the halt there is no moment in which one could be taken and not seen. The interrupt
 * only notes that it came.
 */
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define MSR_APIC_BASE 0x1bu
#define APIC_ENABLED (1u << 11)
#define APIC_X2 (1u << 10)
#define MSR_X2APIC 0x800u
#define MSR_TSC_DEADLINE 0x6e0u

/* Registers, by their offset in memory; MSRs are numbered in steps of 16 of it. */
#define APIC_ID 0x20u
#define APIC_TASK_PRIORITY 0x80u
#define APIC_EOI 0xb0u
#define APIC_SPURIOUS 0xf0u
#define APIC_TIMER 0x320u
#define APIC_LINT0 0x350u
#define APIC_LINT1 0x360u
#define APIC_INITIAL_COUNT 0x380u
#define APIC_CURRENT_COUNT 0x390u
#define APIC_DIVIDE 0x3e0u

#define APIC_SOFTWARE_ENABLE (1u << 8)
#define APIC_MASKED (1u << 16)
#define TIMER_TSC_DEADLINE (2u << 17)
#define DIVIDE_BY_16 3u

/* I/O APIC (82093AA data sheet): an index and a window; two registers for each input. */
#define IO_APIC_INDEX 0u
#define IO_APIC_WINDOW 4u
#define IO_APIC_VERSION 1u
#define IO_APIC_INPUTS 16u

#define PIC_MASTER 0x20
#define PIC_SLAVE 0xa0

#define MESSAGE_ADDRESS 0xfee00000u
#define DEVICE_VECTORS (MN_VECTOR_PIC - MN_VECTOR_DEVICES)
#define LONG_WAIT (100 * MNET_MICROSECOND)
/* How long the timer is measured if it counts at a speed of its own. */
#define CALIBRATION (1 * MNET_MILLISECOND)
#define READINGS 8

/* A local APIC with its timer and vectors, and the interrupts that go to this processor. */
static struct interrupts_processor {
    volatile uint32_t *registers; /* NULL: the APIC is reached by MSRs */
    bool tsc_deadline;
    uint64_t counts_per_ns; /* of the timer, 32.32, if it has no TSC deadline */
    uint64_t armed;         /* when the timer will interrupt */
    unsigned vectors_used;
    struct mn_interrupt *interrupts;
    uint32_t line_of[DEVICE_VECTORS]; /* the GSI whose vector this is, + 1 */
} processor;

static struct interrupts_machine {
    const struct mn_acpi *acpi;
} machine;

static uint32_t apic_read(uint32_t offset)
{
    return processor.registers != NULL ? processor.registers[offset / 4] : (uint32_t)mn_rdmsr(MSR_X2APIC + offset / 16);
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (processor.registers != NULL)
        processor.registers[offset / 4] = value;
    else
        mn_wrmsr(MSR_X2APIC + offset / 16, value);
}

/* ---- The timer ---- */

/* The speed of the timer is known to a percent or so: long waits end early by that much, and are
 * gone on with. */
static void arm_timer(uint64_t now, uint64_t deadline)
{
    uint64_t ns = deadline - now;
    if (deadline == processor.armed)
        return;
    processor.armed = deadline;
    if (processor.tsc_deadline) {
        mn_wrmsr(MSR_TSC_DEADLINE, mn_rdtsc() + mn_clock_ticks(ns) + 1);
        return;
    }
    uint64_t counts = mn_scale(ns > LONG_WAIT ? ns - ns / 64 : ns, processor.counts_per_ns) + 1;
    /* The longest waits end early. */
    apic_write(APIC_INITIAL_COUNT, (uint32_t)MN_MIN(counts, UINT32_MAX));
}

/* The count of the timer, and its time. */
struct reading {
    uint64_t now;
    uint32_t count;
};

/* The quickest of several readings: the host may take the processor away in the middle of one. */
static struct reading read_timer(void)
{
    struct reading best = {0, 0};
    uint64_t best_time = UINT64_MAX;
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t before = mn_machine_now();
        uint32_t count = apic_read(APIC_CURRENT_COUNT);
        uint64_t time = mn_machine_now() - before;
        if (time < best_time) {
            best_time = time;
            best = (struct reading){before + time / 2, count};
        }
    }
    return best;
}

static bool measure_timer(const void *what, struct mn_interval *interval)
{
    (void)what;
    struct reading begin = read_timer(), end;
    do {
        end = read_timer();
    } while (end.now - begin.now < CALIBRATION);
    *interval = (struct mn_interval){begin.count - end.count, end.now - begin.now};
    return true;
}

static void start_timer(void)
{
    struct mn_interval interval;
    processor.tsc_deadline = (mn_cpuid(1).c & (1u << 24)) != 0;
    apic_write(APIC_TIMER, MN_VECTOR_TIMER | (processor.tsc_deadline ? TIMER_TSC_DEADLINE : 0));
    if (processor.tsc_deadline)
        return;
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    apic_write(APIC_INITIAL_COUNT, UINT32_MAX);
    (void)mn_measure(measure_timer, NULL, &interval); /* it always can be */
    apic_write(APIC_INITIAL_COUNT, 0);
    processor.counts_per_ns = (interval.ticks << 32) / interval.counts;
}

/* ---- Waiting ---- */

void mn_machine_wait(uint64_t deadline)
{
    for (struct mn_interrupt *interrupt = processor.interrupts; interrupt != NULL; interrupt = interrupt->next) {
        if (interrupt->arm != NULL && interrupt->arm(interrupt))
            return;
    }
    uint64_t now = mn_machine_now();
    if (deadline <= now)
        return;
    if (deadline != MNET_NEVER)
        arm_timer(now, deadline);
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

void mn_machine_take_interrupts(void)
{
    /* They come behind the instruction that follows sti. */
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

/* vectors.S calls this. It must not use registers that are not saved there. */
void mn_interrupted(unsigned vector);

__attribute__((target("general-regs-only"))) void mn_interrupted(unsigned vector)
{
    if (vector >= MN_VECTOR_PIC)
        return; /* spurious: not to be acknowledged */
    if (vector == MN_VECTOR_TIMER)
        processor.armed = 0;
    for (struct mn_interrupt *interrupt = processor.interrupts; interrupt != NULL; interrupt = interrupt->next) {
        if (interrupt->vector == vector) {
            interrupt->raised = true;
            interrupt->count++;
        }
    }
    if (processor.registers != NULL)
        processor.registers[APIC_EOI / 4] = 0;
    else
        mn_wrmsr(MSR_X2APIC + APIC_EOI / 16, 0);
}

/* ---- I/O APICs and messages ---- */

static uint32_t io_apic_read(volatile uint32_t *io_apic, uint32_t index)
{
    io_apic[IO_APIC_INDEX] = index;
    return io_apic[IO_APIC_WINDOW];
}

static void io_apic_write(volatile uint32_t *io_apic, uint32_t index, uint32_t value)
{
    io_apic[IO_APIC_INDEX] = index;
    io_apic[IO_APIC_WINDOW] = value;
}

/* The registers of the I/O APIC that has input `gsi`, and which input it is there; NULL: none has
 * it. */
static volatile uint32_t *io_apic_of(unsigned gsi, uint32_t *input)
{
    for (unsigned i = 0; i < machine.acpi->io_apic_count; i++) {
        const struct mn_io_apic *place = &machine.acpi->io_apics[i];
        volatile uint32_t *io_apic = mn_machine_map_device(place->address, MN_PAGE);
        if (io_apic == NULL || gsi < place->first_gsi)
            continue;
        *input = gsi - place->first_gsi;
        if (*input <= (io_apic_read(io_apic, IO_APIC_VERSION) >> 16 & 255))
            return io_apic;
    }
    return NULL;
}

/* The processor that interrupts go to: this one. */
static uint32_t destination(void)
{
    return processor.registers != NULL ? apic_read(APIC_ID) >> 24 : apic_read(APIC_ID) & 255;
}

static bool connect_line(unsigned gsi, unsigned vector)
{
    uint32_t input;
    volatile uint32_t *io_apic = io_apic_of(gsi, &input);
    if (io_apic == NULL)
        return false;
    io_apic_write(io_apic, IO_APIC_INPUTS + 2 * input + 1, destination() << 24);
    /* Edge, active high, fixed, not masked. */
    io_apic_write(io_apic, IO_APIC_INPUTS + 2 * input, vector);
    return true;
}

static void add(struct mn_interrupt *interrupt, unsigned vector)
{
    interrupt->vector = vector;
    interrupt->raised = false;
    interrupt->count = 0;
    interrupt->next = processor.interrupts;
    processor.interrupts = interrupt;
}

bool mn_interrupt_on_line(struct mn_interrupt *interrupt, unsigned gsi)
{
    for (unsigned i = 0; i < processor.vectors_used; i++) {
        if (processor.line_of[i] == gsi + 1) { /* shared */
            add(interrupt, MN_VECTOR_DEVICES + i);
            return true;
        }
    }
    unsigned vector = MN_VECTOR_DEVICES + processor.vectors_used;
    if (processor.vectors_used == DEVICE_VECTORS || !connect_line(gsi, vector))
        return false;
    processor.line_of[processor.vectors_used++] = gsi + 1;
    add(interrupt, vector);
    return true;
}

bool mn_interrupt_on_message(struct mn_interrupt *interrupt, uint64_t *address, uint32_t *data)
{
    if (processor.vectors_used == DEVICE_VECTORS)
        return false;
    processor.line_of[processor.vectors_used] = 0;
    add(interrupt, MN_VECTOR_DEVICES + processor.vectors_used++);
    *address = MESSAGE_ADDRESS | destination() << 12; /* SDM 3, 11.11 */
    *data = interrupt->vector;
    return true;
}

void mn_interrupt_remove(struct mn_interrupt *interrupt)
{
    for (struct mn_interrupt **link = &processor.interrupts; *link != NULL; link = &(*link)->next) {
        if (*link == interrupt) {
            *link = interrupt->next;
            return;
        }
    }
}

/* ---- The beginning ---- */

/* The old controllers: all inputs are masked, and their spurious interrupts (8259A data sheet) get
 * vectors that nobody uses. */
static void silence_pic(void)
{
    static const uint8_t commands[][3] = {
        {0x11, 0x11, 0}, {MN_VECTOR_PIC, MN_VECTOR_PIC + 8, 1}, {4, 2, 1}, {1, 1, 1}, {0xff, 0xff, 1}};
    for (unsigned i = 0; i < MN_COUNT_OF(commands); i++) {
        mn_out8(PIC_MASTER + commands[i][2], commands[i][0]);
        mn_out8(PIC_SLAVE + commands[i][2], commands[i][1]);
    }
}

bool mn_interrupts_start(const struct mn_acpi *acpi)
{
    struct mn_cpuid id = mn_cpuid(1);
    if ((id.d & (1u << 9)) == 0)
        return false;
    machine.acpi = acpi;
    silence_pic();
    uint64_t base = mn_rdmsr(MSR_APIC_BASE);
    if ((id.c & (1u << 21)) != 0 || (base & APIC_X2) != 0) {
        mn_wrmsr(MSR_APIC_BASE, base | APIC_ENABLED);
        mn_wrmsr(MSR_APIC_BASE, base | APIC_ENABLED | APIC_X2);
    } else {
        mn_wrmsr(MSR_APIC_BASE, base | APIC_ENABLED);
        processor.registers = mn_machine_map_device(base & ~(MN_PAGE - 1) & 0xfffffffffffffu, MN_PAGE);
        if (processor.registers == NULL)
            return false;
    }
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_LINT0, APIC_MASKED);
    apic_write(APIC_LINT1, APIC_MASKED);
    apic_write(APIC_SPURIOUS, APIC_SOFTWARE_ENABLE | MN_VECTOR_SPURIOUS);
    start_timer();
    return true;
}
