/* Replaces ports/virtio/machine/x86.h in tests of parts of the bare machine. The tests define the
 * results of its ports, its time stamp counter and its CPUID. */
#ifndef MN_X86_H
#define MN_X86_H

#include <stdint.h>

void mn_out8(uint16_t port, uint8_t value);
void mn_out16(uint16_t port, uint16_t value);
void mn_out32(uint16_t port, uint32_t value);
uint8_t mn_in8(uint16_t port);
uint16_t mn_in16(uint16_t port);
uint32_t mn_in32(uint16_t port);
void mn_wrmsr(uint32_t msr, uint64_t value);
uint64_t mn_rdtsc(void);

static inline void mn_pause(void)
{
}

static inline uint64_t mn_scale(uint64_t value, uint64_t factor)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)value * factor) >> 32);
}

struct mn_cpuid {
    uint32_t a, b, c, d;
};

struct mn_cpuid mn_cpuid_any(uint32_t leaf, uint32_t subleaf);
struct mn_cpuid mn_cpuid(uint32_t leaf);

#endif
