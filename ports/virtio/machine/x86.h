/* Instructions that C has no words for. Clauses "SDM" are of the Intel 64 and IA-32 Architectures
 * Software Developer's Manual. */
#ifndef MN_X86_H
#define MN_X86_H

#include <stdint.h>

static inline void mn_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void mn_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void mn_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t mn_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t mn_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t mn_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint64_t mn_rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void mn_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* For loops that wait: another thread of the core may go on. */
static inline void mn_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* The time stamp counter, not before the loads in front of it. */
static inline uint64_t mn_rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* value * factor / 2^32, with all bits in between. */
static inline uint64_t mn_scale(uint64_t value, uint64_t factor)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)value * factor) >> 32);
}

/* The answer of CPUID; all zeros for a leaf above the highest. */
struct mn_cpuid {
    uint32_t a, b, c, d;
};

static inline struct mn_cpuid mn_cpuid_any(uint32_t leaf, uint32_t subleaf)
{
    struct mn_cpuid id;
    __asm__ volatile("cpuid" : "=a"(id.a), "=b"(id.b), "=c"(id.c), "=d"(id.d) : "a"(leaf), "c"(subleaf));
    return id;
}

static inline struct mn_cpuid mn_cpuid(uint32_t leaf)
{
    struct mn_cpuid highest = mn_cpuid_any(leaf & 0xf0000000u, 0);
    return highest.a >= leaf ? mn_cpuid_any(leaf, 0) : (struct mn_cpuid){0, 0, 0, 0};
}

#endif
