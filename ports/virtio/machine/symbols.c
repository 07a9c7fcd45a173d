/* The names of functions, for reports. scripts/image puts the table behind the image, where it is no page of anybody else, and says where in
 * `mn_symbols`; an image that it has not seen works, and its reports show addresses only. */
#include "ports/virtio/machine/internal.h"

/* One function: names are counted from the end of the entries. */
struct symbol {
    uint32_t address, name;
};

/* What the table begins with; then come the entries, by ascending address, and the names, each ended by a zero. The first is the program's. */
struct table {
    uint32_t count, names_size;
    struct symbol symbols[];
};

struct place {
    char magic[16]; /* what scripts/image looks for */
    uint64_t address, size;
};

/* Volatile: the compiler must not know what is in it. */
extern const struct place mn_symbols;
/* Weak, so that the compiler does not take what stands here for what will stand here. */
__attribute__((weak, section(".rodata.mn_symbols"))) const struct place mn_symbols = {"mnet symbols 1", 0, 0};

static const struct table *table(void)
{
    return (const struct table *)mn_symbols.address;
}

static const char *name_at(uint32_t offset)
{
    return (const char *)&table()->symbols[table()->count] + offset;
}

const char *mn_symbol(uint64_t address, uint64_t *start)
{
    if (table() == NULL || address < (uintptr_t)mn_image_start || address >= (uintptr_t)mn_text_end)
        return NULL;
    uint32_t low = 0, high = table()->count; /* the last one at or before `address` is below `high` */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table()->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *start = table()->symbols[low - 1].address;
    return name_at(table()->symbols[low - 1].name);
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
