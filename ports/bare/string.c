/* The functions of <string.h> that freestanding code calls, some of them without being written:
 * compilers make memcpy and memset of assignments.
 *
 * Copies of up to 64 bytes load everything before they store anything, so overlap is no matter
 * there, and no loop is needed; longer ones run through 64 bytes at a time, in the direction that
 * overlap allows. Blocks of 16 bytes become one register if the processor has such, and two
 * if the compiler may not use it.
 */
#include <string.h>

#include "base/base.h"

/* This file must not be turned into calls to itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half __attribute__((aligned(1), may_alias));
typedef uint16_t quarter __attribute__((aligned(1), may_alias));
typedef uint64_t block __attribute__((vector_size(16), aligned(1), may_alias));

#define BLOCK sizeof(block)

/* Up to 16 bytes: two overlapping halves of the largest size that fits. */
static inline void move_few(char *to, const char *from, size_t len)
{
    if (len >= sizeof(word)) {
        word first = *(const word *)from, last = *(const word *)(from + len - sizeof(word));
        *(word *)to = first;
        *(word *)(to + len - sizeof(word)) = last;
    } else if (len >= sizeof(half)) {
        half first = *(const half *)from, last = *(const half *)(from + len - sizeof(half));
        *(half *)to = first;
        *(half *)(to + len - sizeof(half)) = last;
    } else if (len >= sizeof(quarter)) {
        quarter first = *(const quarter *)from, last = *(const quarter *)(from + len - sizeof(quarter));
        *(quarter *)to = first;
        *(quarter *)(to + len - sizeof(quarter)) = last;
    } else if (len > 0) {
        *to = *from;
    }
}

/* 17 to 64 bytes. */
static inline void move_some(char *to, const char *from, size_t len)
{
    block first = *(const block *)from, last = *(const block *)(from + len - BLOCK);
    if (len > 2 * BLOCK) {
        block second = *(const block *)(from + BLOCK), third = *(const block *)(from + len - 2 * BLOCK);
        *(block *)(to + BLOCK) = second;
        *(block *)(to + len - 2 * BLOCK) = third;
    }
    *(block *)to = first;
    *(block *)(to + len - BLOCK) = last;
}

static inline void move_64(char *to, const char *from)
{
    block a = *(const block *)from, b = *(const block *)(from + BLOCK);
    block c = *(const block *)(from + 2 * BLOCK), d = *(const block *)(from + 3 * BLOCK);
    *(block *)to = a;
    *(block *)(to + BLOCK) = b;
    *(block *)(to + 2 * BLOCK) = c;
    *(block *)(to + 3 * BLOCK) = d;
}

/* More than 64 bytes, from the first to the last. The last 64 are read before anything overlapping
 * is written. */
static void move_up(char *to, const char *from, size_t len)
{
    block tail[4];
    move_64((char *)tail, from + len - 64);
    char *tail_to = to + len - 64;
    for (; len > 64; len -= 64, to += 64, from += 64)
        move_64(to, from);
    move_64(tail_to, (const char *)tail);
}

static void move_down(char *to, const char *from, size_t len)
{
    block head[4];
    move_64((char *)head, from);
    char *head_to = to;
    for (; len > 64; len -= 64)
        move_64(to + len - 64, from + len - 64);
    move_64(head_to, (const char *)head);
}

static inline void *move(void *to, const void *from, size_t len)
{
    if (len <= BLOCK)
        move_few(to, from, len);
    else if (len <= 64)
        move_some(to, from, len);
    else if ((uintptr_t)to - (uintptr_t)from >= len)
        move_up(to, from, len);
    else
        move_down(to, from, len);
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    return move(to, from, len);
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return move(to, from, len);
}

void *memset(void *to, int value, size_t len)
{
    char *at = to;
    uint64_t pattern = (uint64_t)(unsigned char)value * UINT64_C(0x0101010101010101);
    const block filled = {pattern, pattern};
    if (len < BLOCK) {
        move_few(at, (const char *)&filled, len);
        return to;
    }
    char *last = at + len - BLOCK;
    for (; at < last; at += BLOCK)
        *(block *)at = filled;
    *(block *)last = filled;
    return to;
}

int memcmp(const void *left, const void *right, size_t len)
{
    const unsigned char *a = left, *b = right;
    while (len >= sizeof(word) && *(const word *)a == *(const word *)b) {
        a += sizeof(word);
        b += sizeof(word);
        len -= sizeof(word);
    }
    for (; len > 0; a++, b++, len--) {
        if (*a != *b)
            return *a - *b;
    }
    return 0;
}

void *memchr(const void *memory, int wanted, size_t len)
{
    for (const unsigned char *at = memory; len > 0; at++, len--) {
        if (*at == (unsigned char)wanted)
            return (void *)(uintptr_t)at;
    }
    return NULL;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0')
        end++;
    return (size_t)(end - text);
}

int strncmp(const char *left, const char *right, size_t max)
{
    for (; max > 0; left++, right++, max--) {
        if (*left != *right || *left == '\0')
            return (unsigned char)*left - (unsigned char)*right;
    }
    return 0;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

char *strchr(const char *text, int wanted)
{
    return memchr(text, wanted, strlen(text) + 1);
}

char *strrchr(const char *text, int wanted)
{
    for (const char *at = text + strlen(text) + 1; at-- > text;) {
        if (*at == (char)wanted)
            return (char *)(uintptr_t)at;
    }
    return NULL;
}

size_t strcspn(const char *text, const char *unwanted)
{
    const char *end = text;
    while (*end != '\0' && strchr(unwanted, *end) == NULL)
        end++;
    return (size_t)(end - text);
}

char *strstr(const char *text, const char *wanted)
{
    size_t len = strlen(wanted);
    for (; *text != '\0' || len == 0; text++) {
        if (strncmp(text, wanted, len) == 0)
            return (char *)(uintptr_t)text;
    }
    return NULL;
}
