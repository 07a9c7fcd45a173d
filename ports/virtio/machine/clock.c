/* Time: the processor's time stamp counter, and how fast it counts.
 *
 * Under KVM the host says so in a page of memory, and keeps it true when the machine moves
 * (pvclock). Else CPUID may say; else the counter is measured against a clock of known frequency,
 * the interval timer of PCs or the power management timer of ACPI, until two measurements agree.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

/* CPUID leaves of hypervisors, and KVM's clock (Linux, Documentation/virt/kvm/x86/cpuid.rst and
 * msr.rst). */
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_KVM_FEATURES 0x40000001u
#define LEAF_FREQUENCY 0x40000010u /* VMware's: the counter in kHz */
#define KVM_FEATURE_CLOCK2 (1u << 3)
#define KVM_MSR_SYSTEM_TIME 0x4b564d01u

#define PIT_CHANNEL_0 0x40
#define PIT_COMMAND 0x43
#define PIT_HZ 1193182u
#define ACPI_TIMER_HZ 3579545u

/* The host may take the processor away for so long that the reference has gone round meanwhile. So
 * it is measured until two measurements are this near to each other; if there are no such two, the
 * nearest two must do. */
#define MEASURED_MS 5
#define MEASUREMENTS 32u
#define AGREED_PPM 1000u
#define READINGS 8
/* A reference that has not moved after so many looks does not exist; one that is not done after so
 * many never will. */
#define LOOKS_STOPPED 1000u
#define LOOKS 10000000u

/* A clock of known frequency that counts up, modulo `mask` + 1. */
struct reference {
    uint32_t (*count)(uint16_t port);
    uint16_t port;
    uint32_t hz, mask;
};

/* The host's record: time = system_time + (counter - stamp) scaled. While the version is odd, the
 * host writes it. */
struct pvclock {
    uint32_t version, padding;
    uint64_t stamp, system_time;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags, more_padding[2];
};

/* Each processor has a page of its own from the host, and its time does not go back. */
static struct clock_processor {
    volatile struct pvclock pvclock __attribute__((aligned(64)));
    uint64_t latest;
} processor;

static struct clock_machine {
    bool pvclock;
    uint64_t start;        /* at time 0: the time of pvclock, else the counter */
    uint64_t ns_per_tick;  /* 32.32 */
    uint64_t ticks_per_ns; /* 32.32 */
} machine;

static uint64_t pvclock_now(void)
{
    for (;;) {
        uint32_t version = processor.pvclock.version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint64_t delta = mn_rdtsc() - processor.pvclock.stamp;
        delta = processor.pvclock.shift >= 0 ? delta << processor.pvclock.shift : delta >> -processor.pvclock.shift;
        uint64_t now = processor.pvclock.system_time + mn_scale(delta, processor.pvclock.multiplier);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((version & 1) == 0 && version == processor.pvclock.version)
            return now;
        mn_pause();
    }
}

uint64_t mn_machine_now(void)
{
    uint64_t now = machine.pvclock ? pvclock_now() - machine.start
                                   : mn_scale(mn_rdtsc() - machine.start, machine.ns_per_tick);
    /* Whatever the host does, ours never goes back. */
    processor.latest = MN_MAX(processor.latest, now);
    return processor.latest;
}

uint64_t mn_clock_ticks(uint64_t ns)
{
    return mn_scale(ns, machine.ticks_per_ns);
}

bool mn_clock_is_hosts(uint64_t *start)
{
    *start = machine.start;
    return machine.pvclock;
}

static void set_frequency(uint64_t hz)
{
    machine.ns_per_tick = (MNET_SECOND << 32) / hz;
    machine.ticks_per_ns = (uint64_t)(((hz / 1000) << 32) / 1000000);
}

static bool start_pvclock(uint64_t entered)
{
    struct mn_cpuid id = mn_cpuid_any(LEAF_HYPERVISOR, 0);
    if (memcmp(&id.b, "KVMKVMKVM\0\0", 12) != 0 || (mn_cpuid_any(LEAF_KVM_FEATURES, 0).a & KVM_FEATURE_CLOCK2) == 0)
        return false;
    mn_wrmsr(KVM_MSR_SYSTEM_TIME, mn_machine_physical(&processor.pvclock) | 1);
    if (processor.pvclock.multiplier == 0)
        return false;
    uint64_t multiplier = processor.pvclock.multiplier;
    machine.ns_per_tick = processor.pvclock.shift >= 0 ? multiplier << processor.pvclock.shift
                                                       : multiplier >> -processor.pvclock.shift;
    machine.ticks_per_ns = UINT64_MAX / machine.ns_per_tick;
    machine.pvclock = true;
    machine.start = pvclock_now() - mn_scale(mn_rdtsc() - entered, machine.ns_per_tick);
    return true;
}

/* The frequency that CPUID tells, or 0 (SDM 2A, leaf 15H: crystal and ratio). */
static uint64_t frequency_told(void)
{
    bool hypervisor = (mn_cpuid(1).c >> 31) != 0;
    if (hypervisor && mn_cpuid_any(LEAF_HYPERVISOR, 0).a >= LEAF_FREQUENCY && mn_cpuid_any(LEAF_FREQUENCY, 0).a != 0)
        return mn_cpuid_any(LEAF_FREQUENCY, 0).a * UINT64_C(1000);
    struct mn_cpuid crystal = mn_cpuid(0x15);
    return crystal.a != 0 ? (uint64_t)crystal.c * crystal.b / crystal.a : 0;
}

/* A count of a clock of known frequency, and the time stamp in the middle of reading it. */
struct sample {
    uint64_t stamp;
    uint32_t count;
};

/* The quickest of several readings: the host may take the processor away in the middle of one. */
static struct sample take_sample(const struct reference *reference)
{
    struct sample best = {0, 0};
    uint64_t best_time = UINT64_MAX;
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t before = mn_rdtsc();
        uint32_t count = reference->count(reference->port);
        uint64_t time = mn_rdtsc() - before;
        if (time < best_time) {
            best_time = time;
            best = (struct sample){before + time / 2, count};
        }
    }
    return best;
}

/* Of the time stamp counter against a reference; false if that does not count. */
static bool measure_once(const void *what, struct mn_interval *interval)
{
    const struct reference *reference = what;
    struct sample begin = take_sample(reference), end;
    uint32_t elapsed = 0;
    for (unsigned looks = 0; elapsed < reference->hz / 1000 * MEASURED_MS; looks++) {
        if ((looks == LOOKS_STOPPED && elapsed == 0) || looks == LOOKS)
            return false;
        elapsed = (reference->count(reference->port) - begin.count) & reference->mask;
    }
    end = take_sample(reference);
    *interval = (struct mn_interval){end.stamp - begin.stamp, (end.count - begin.count) & reference->mask};
    return interval->ticks > 0 && interval->counts > 0;
}

/* How far two rates are apart, in millionths. */
static uint64_t distance(const struct mn_interval *a, const struct mn_interval *b)
{
    uint64_t one = a->ticks * b->counts, other = b->ticks * a->counts;
    uint64_t high = MN_MAX(one, other);
    return (high - MN_MIN(one, other)) / (high / 1000000 + 1);
}

bool mn_measure(bool (*once)(const void *what, struct mn_interval *interval), const void *what,
                struct mn_interval *agreed)
{
    struct mn_interval all[MEASUREMENTS];
    uint64_t nearest = UINT64_MAX;
    for (unsigned i = 0; i < MEASUREMENTS && nearest > AGREED_PPM; i++) {
        if (!once(what, &all[i]))
            return false;
        for (unsigned j = 0; j < i; j++) {
            uint64_t apart = distance(&all[i], &all[j]);
            if (apart < nearest)
                *agreed = (struct mn_interval){all[i].ticks + all[j].ticks, all[i].counts + all[j].counts};
            nearest = MN_MIN(nearest, apart);
        }
    }
    return true;
}

/* The frequency of the time stamp counter, or 0 if the reference does not count. */
static uint64_t measure(const struct reference *reference)
{
    struct mn_interval interval;
    return mn_measure(measure_once, reference, &interval) ? interval.ticks * reference->hz / interval.counts : 0;
}

/* The timer counts down; its latch keeps one moment while it is read. */
static uint32_t pit_count(uint16_t port)
{
    mn_out8(PIT_COMMAND, 0);
    uint32_t low = mn_in8(port);
    return -(low | (uint32_t)mn_in8(port) << 8);
}

static uint64_t measure_by_pit(void)
{
    const struct reference pit = {pit_count, PIT_CHANNEL_0, PIT_HZ, 0xffff};
    /* Channel 0, low byte first, counts from 65536 down to 0, again and again. */
    mn_out8(PIT_COMMAND, 0x34);
    mn_out8(PIT_CHANNEL_0, 0);
    mn_out8(PIT_CHANNEL_0, 0);
    return measure(&pit);
}

static uint32_t acpi_count(uint16_t port)
{
    return mn_in32(port);
}

static uint64_t measure_by_acpi(uint16_t port)
{
    /* It may have 24 bits only. */
    const struct reference timer = {acpi_count, port, ACPI_TIMER_HZ, 0xffffff};
    return port != 0 ? measure(&timer) : 0;
}

bool mn_clock_start(const struct mn_acpi *acpi, uint64_t entered)
{
    if (start_pvclock(entered))
        return true;
    uint64_t hz = frequency_told();
    if (hz == 0)
        hz = measure_by_acpi((uint16_t)acpi->timer_port);
    if (hz == 0)
        hz = measure_by_pit();
    if (hz < 1000000)
        return false;
    set_frequency(hz);
    machine.start = entered;
    return true;
}
