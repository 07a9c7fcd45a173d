/* The names of functions, for reports. scripts/image puts the table behind the program, in pages of
 * its own, and its place into `mn_symbols`. A program without it works, and its reports show
 * addresses only. */
#include <string.h>

#include "ports/virtio/machine/internal.h"

/* Behind the name of the program and a zero is for each function how far it begins behind the one
 * before, the first behind the start of the image: a byte, or LONG and two bytes, the lower one
 * first. Then the names follow, in the same order, each ended by a zero. A report has the time to
 * count them. */
struct symbol_table {
    uint32_t count;
    char program[];
};

#define LONG 255

/* In boot.S, because no compiler must know what is in it. */
extern const struct {
    char magic[16];
    uint64_t address, size;
} mn_symbols;

static const struct symbol_table *table(void)
{
    return (const struct symbol_table *)mn_symbols.address;
}

static const uint8_t *distances(void)
{
    return (const uint8_t *)table()->program + strlen(table()->program) + 1;
}

static uint32_t next_distance(const uint8_t **at)
{
    uint32_t distance = *(*at)++;
    if (distance < LONG)
        return distance;
    distance = (*at)[0] | (uint32_t)(*at)[1] << 8;
    *at += 2;
    return distance;
}

/* Returns the name of a function. */
static const char *name_of(uint32_t number)
{
    const uint8_t *at = distances();
    for (uint32_t i = 0; i < table()->count; i++)
        (void)next_distance(&at);
    const char *name = (const char *)at;
    while (number-- > 0)
        name += strlen(name) + 1;
    return name;
}

const char *mn_symbol(uint64_t address, uint64_t *start)
{
    if (table() == NULL || address < (uintptr_t)mn_image_start || address >= (uintptr_t)mn_text_end)
        return NULL;
    const uint8_t *at = distances();
    uint32_t number = 0;
    for (uint64_t next = (uintptr_t)mn_image_start; number < table()->count; number++) {
        next += next_distance(&at);
        if (next > address)
            break;
        *start = next;
    }
    return number > 0 ? name_of(number - 1) : NULL;
}

const char *mn_program_name(void)
{
    return table() != NULL ? table()->program : "mnet";
}

uint64_t mn_image_end(void)
{
    uint64_t end = table() != NULL ? mn_symbols.address + mn_symbols.size : (uintptr_t)mn_bss_end;
    return (end + MN_PAGE - 1) & ~(MN_PAGE - 1);
}
