/* The names of functions, for reports. scripts/image puts the table behind the image, in pages of
 * its own, and its place into `mn_symbols`. An image without it works, and its reports show
 * addresses only. */
#include <string.h>

#include "ports/virtio/machine/internal.h"

/* How far functions begin behind each other, the first behind the start of the image. Behind that
 * are texts, each ended by a zero: the name of the program; the parts that names are made of, for
 * each byte but zero; and the names of the functions, in the same order, whose bytes are numbers of
 * parts. That takes half the room of plain names. A report has the time to count the texts. */
struct symbol_table {
    uint32_t count;
    uint16_t distances[];
};

#define PARTS 255

struct place {
    char magic[16]; /* scripts/image looks for this */
    uint64_t address, size;
};

/* Volatile: the compiler must not know its contents. */
extern const struct place mn_symbols;
/* Weak, so that the compiler does not take this value for the final one. */
__attribute__((weak, section(".rodata.mn_symbols"))) const struct place mn_symbols = {"mnet symbols 4", 0, 0};

static const struct symbol_table *table(void)
{
    return (const struct symbol_table *)mn_symbols.address;
}

/* Text 0 is the program's name. */
static const char *text_at(uint32_t number)
{
    const char *text = (const char *)&table()->distances[table()->count];
    for (; number > 0; number--)
        text += strlen(text) + 1;
    return text;
}

/* Writes the name of a function, as much of it as fits. */
static void write_name(uint32_t number, char *to, size_t size)
{
    size_t len = 0;
    for (const char *at = text_at(1 + PARTS + number); *at != 0; at++)
        for (const char *part = text_at((uint8_t)*at); *part != 0 && len < size - 1; part++)
            to[len++] = *part;
    to[len] = 0;
}

bool mn_symbol(uint64_t address, uint64_t *start, char *name, size_t size)
{
    if (table() == NULL || address < (uintptr_t)mn_image_start || address >= (uintptr_t)mn_text_end)
        return false;
    uint32_t number = 0;
    for (uint64_t next = (uintptr_t)mn_image_start; number < table()->count; number++) {
        next += table()->distances[number];
        if (next > address)
            break;
        *start = next;
    }
    if (number > 0)
        write_name(number - 1, name, size);
    return number > 0;
}

const char *mn_program_name(void)
{
    return table() != NULL ? text_at(0) : "mnet";
}

uint64_t mn_image_end(void)
{
    uint64_t end = table() != NULL ? mn_symbols.address + mn_symbols.size : (uintptr_t)mn_bss_end;
    return (end + MN_PAGE - 1) & ~(MN_PAGE - 1);
}
