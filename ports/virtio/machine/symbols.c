/* The names of functions, for reports. scripts/image puts the table behind the image, in pages of
 * its own, and its place into `mn_symbols`. An image without it works, and its reports show
 * addresses only. */
#include <string.h>

#include "ports/virtio/machine/internal.h"

/* Behind the name of the program and a zero is for each function how far it begins behind the one
 * before, the first behind the start of the image: a byte, or LONG and two bytes, the lower one
 * first. Then the names follow, in the same order, each ended by a zero. In these a byte stands for
 * a pair of bytes, unless that is two zeros; a byte of a pair may stand for another pair. That
 * takes less than half the room of plain names. A report has the time to count them. */
struct symbol_table {
    uint32_t count;
    uint8_t pairs[256][2];
    char program[];
};

#define LONG 255
#define DEPTH 16 /* of pairs in pairs */

struct place {
    char magic[16]; /* scripts/image looks for this */
    uint64_t address, size;
};

/* Volatile: the compiler must not know its contents. */
extern const struct place mn_symbols;
/* Weak, so that the compiler does not take this value for the final one. */
__attribute__((weak, section(".rodata.mn_symbols"))) const struct place mn_symbols = {"mnet symbols 5", 0, 0};

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

/* A name on its way out of the text. */
struct naming {
    uint32_t before; /* names before it */
    char *to;
    size_t size, len;
};

/* Takes a byte that stands for itself. Returns false if the name has ended. */
static bool take(struct naming *naming, uint8_t byte)
{
    if (byte == 0)
        return naming->before-- > 0;
    if (naming->before == 0 && naming->len < naming->size - 1)
        naming->to[naming->len++] = (char)byte;
    return true;
}

/* Takes all that a byte stands for. Returns false if the name has ended. */
static bool take_pairs(struct naming *naming, uint8_t byte)
{
    uint8_t waiting[DEPTH + 1] = {byte};
    for (unsigned count = 1; count > 0;) {
        byte = waiting[--count];
        const uint8_t *pair = table()->pairs[byte];
        if (pair[0] != 0 || pair[1] != 0) {
            waiting[count++] = pair[1];
            waiting[count++] = pair[0];
        } else if (!take(naming, byte)) {
            return false;
        }
    }
    return true;
}

/* Writes the name of a function, as much of it as fits. */
static void write_name(uint32_t number, char *to, size_t size)
{
    struct naming naming = {.before = number, .to = to, .size = size};
    const uint8_t *text = distances();
    for (uint32_t i = 0; i < table()->count; i++)
        (void)next_distance(&text);
    while (take_pairs(&naming, *text))
        text++;
    to[naming.len] = 0;
}

bool mn_symbol(uint64_t address, uint64_t *start, char *name, size_t size)
{
    if (table() == NULL || address < (uintptr_t)mn_image_start || address >= (uintptr_t)mn_text_end)
        return false;
    const uint8_t *at = distances();
    uint32_t number = 0;
    for (uint64_t next = (uintptr_t)mn_image_start; number < table()->count; number++) {
        next += next_distance(&at);
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
    return table() != NULL ? table()->program : "mnet";
}

uint64_t mn_image_end(void)
{
    uint64_t end = table() != NULL ? mn_symbols.address + mn_symbols.size : (uintptr_t)mn_bss_end;
    return (end + MN_PAGE - 1) & ~(MN_PAGE - 1);
}
