/* The names of functions, for reports. scripts/image puts the table behind the image, in pages of
 * its own, and its place into `mn_symbols`. An image without it works, and its reports show
 * addresses only. */
#include <string.h>

#include "ports/virtio/machine/internal.h"

/* How far functions begin behind each other, the first behind the start of the image; behind that
 * names, each ended by a zero: the program's, and those of the functions in the same order. A
 * report has the time to count them. */
struct symbol_table {
    uint32_t count;
    uint16_t distances[];
};

struct place {
    char magic[16]; /* scripts/image looks for this */
    uint64_t address, size;
};

/* Volatile: the compiler must not know its contents. */
extern const struct place mn_symbols;
/* Weak, so that the compiler does not take this value for the final one. */
__attribute__((weak, section(".rodata.mn_symbols"))) const struct place mn_symbols = {"mnet symbols 3", 0, 0};

static const struct symbol_table *table(void)
{
    return (const struct symbol_table *)mn_symbols.address;
}

/* Name 0 is the program's. */
static const char *name_at(uint32_t number)
{
    const char *name = (const char *)&table()->distances[table()->count];
    for (; number > 0; number--)
        name += strlen(name) + 1;
    return name;
}

const char *mn_symbol(uint64_t address, uint64_t *start)
{
    if (table() == NULL || address < (uintptr_t)mn_image_start || address >= (uintptr_t)mn_text_end)
        return NULL;
    uint32_t number = 0;
    for (uint64_t next = (uintptr_t)mn_image_start; number < table()->count; number++) {
        next += table()->distances[number];
        if (next > address)
            break;
        *start = next;
    }
    return number > 0 ? name_at(number) : NULL;
}

const char *mn_program_name(void)
{
    return table() != NULL ? name_at(0) : "mnet";
}

uint64_t mn_image_end(void)
{
    uint64_t end = table() != NULL ? mn_symbols.address + mn_symbols.size : (uintptr_t)mn_bss_end;
    return (end + MN_PAGE - 1) & ~(MN_PAGE - 1);
}
