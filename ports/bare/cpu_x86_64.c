/* Entropy of x86-64 processors: RDSEED gives bits of the noise source itself, RDRAND those of a
 * generator that it seeds. Both may say "not now". Intel, "Digital Random Number Generator Software
 * Implementation Guide", 5.2.1 and 5.3.1: ten tries for RDRAND; for RDSEED any number, with pauses,
 * for its source is slower. */
#include "ports/bare/cpu.h"

#include <string.h>

#include "base/base.h"

#ifdef __x86_64__

#include <cpuid.h>

#define RDRAND_TRIES 10
#define RDSEED_TRIES 10000

static bool rdseed_once(uint64_t *value)
{
    bool ok;
    __asm__ volatile("rdseed %0" : "=r"(*value), "=@ccc"(ok));
    return ok;
}

static bool rdrand_once(uint64_t *value)
{
    bool ok;
    __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
    return ok;
}

static bool draw(bool (*once)(uint64_t *value), unsigned tries, uint64_t *value)
{
    for (unsigned i = 0; i < tries; i++) {
        if (once(value))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

static bool fill(bool (*once)(uint64_t *value), unsigned tries, void *buffer, size_t len)
{
    uint64_t value, before = 0;
    for (size_t done = 0; done < len; done += sizeof value) {
        if (!draw(once, tries, &value) || value == before) /* a source that has got stuck */
            return false;
        before = value;
        memcpy((char *)buffer + done, &value, MN_MIN(sizeof value, len - done));
    }
    return true;
}

bool mn_cpu_entropy(void *buffer, size_t len)
{
    unsigned a, b = 0, c = 0, d;
    bool rdseed = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_RDSEED) != 0;
    bool rdrand = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_RDRND) != 0;
    return (rdseed && fill(rdseed_once, RDSEED_TRIES, buffer, len)) ||
           (rdrand && fill(rdrand_once, RDRAND_TRIES, buffer, len));
}

#else

bool mn_cpu_entropy(void *buffer, size_t len)
{
    (void)buffer;
    (void)len;
    return false;
}

#endif
