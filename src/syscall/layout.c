/* The first stack of a program, as Linux lays it out (System V ABI for AMD64, 3.4.1): from the
 * stack pointer upwards the number of arguments, their addresses, those of the environment, and the
 * auxiliary vector. The texts lie above. */
#include <string.h>

#include "syscall/system.h"

enum auxiliary {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_EXECFN = 31,
};

#define TICKS 100u
#define PT_TLS 7u
#define RANDOM_BYTES 16u

/* An ELF program header. The C library finds the data for threads by the one of type PT_TLS. */
struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

struct stack_room {
    char *lowest, *top; /* what is left */
    bool full;
};

static void *push(struct stack_room *layout, const void *bytes, size_t size)
{
    if ((size_t)(layout->top - layout->lowest) < size) {
        layout->full = true;
        return layout->lowest;
    }
    layout->top -= size;
    MN_DEBUG_ASSERT(layout->top >= layout->lowest);
    return memcpy(layout->top, bytes, size);
}

static uint64_t push_text(struct stack_room *layout, const char *text)
{
    return (uintptr_t)push(layout, text, strlen(text) + 1);
}

static size_t count_of(char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    return count;
}

/* Pushes the texts, and writes their addresses with a zero behind them to `words`. Returns the
 * words that it took. */
static size_t push_texts(struct stack_room *layout, char *const *texts, uint64_t *words)
{
    size_t count = count_of(texts);
    for (size_t i = 0; i < count; i++)
        words[i] = push_text(layout, texts[i]);
    words[count] = 0;
    return count + 1;
}

static size_t push_auxiliary(struct mn_system *system, const struct mn_program *program, struct stack_room *layout,
                             uint64_t *words)
{
    uint8_t random[RANDOM_BYTES];
    mn_system_random(system, random, sizeof random);
    const struct program_header tls = {
        .type = PT_TLS,
        .address = (uintptr_t)program->tls_image,
        .file_size = program->tls_image_size,
        .memory_size = program->tls_size,
        .alignment = program->tls_alignment,
    };
    uint64_t name = push_text(layout, system->program);
    layout->top -= (uintptr_t)layout->top % sizeof(uint64_t);
    const uint64_t vector[] = {
        AT_PHDR,   (uintptr_t)push(layout, &tls, sizeof tls),
        AT_PHENT,  sizeof tls,
        AT_PHNUM,  1,
        AT_PAGESZ, MN_SYSTEM_PAGE,
        AT_CLKTCK, TICKS,
        AT_UID,    0,
        AT_EUID,   0,
        AT_GID,    0,
        AT_EGID,   0,
        AT_SECURE, 0,
        AT_RANDOM, (uintptr_t)push(layout, random, sizeof random),
        AT_EXECFN, name,
        AT_NULL,   0,
    };
    memcpy(words, vector, sizeof vector);
    return MN_COUNT_OF(vector);
}

#define AUXILIARY_WORDS 26u

uint64_t mn_stack_layout(struct mn_system *system, const struct mn_program *program, char *lowest, char *top)
{
    char *const *arguments = program->arguments;
    size_t most = count_of(arguments) + count_of(program->variables) + 3 + AUXILIARY_WORDS, used = 1;
    struct stack_room layout = {lowest, top, false};
    uint64_t *words = mn_object_alloc(&system->objects, most * sizeof *words);
    if (words == NULL)
        return 0;
    MN_DEBUG_ASSERT(lowest < top && program->arguments[0] != NULL);
    words[0] = count_of(arguments);
    used += push_texts(&layout, arguments, words + used);
    used += push_texts(&layout, program->variables, words + used);
    used += push_auxiliary(system, program, &layout, words + used);
    layout.top -= ((uintptr_t)layout.top - used * sizeof *words) % 16;
    uint64_t pointer = (uintptr_t)push(&layout, words, used * sizeof *words);
    MN_DEBUG_ASSERT(used <= most && (layout.full || pointer % 16 == 0));
    mn_object_free(&system->objects, words, most * sizeof *words);
    return layout.full ? 0 : pointer;
}
