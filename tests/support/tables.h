/* ACPI tables in memory for tests of the bare machine, and functions of the machine to read
 * them. */
#ifndef MN_TEST_TABLES_H
#define MN_TEST_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sys/mman.h>

#include "ports/virtio/machine/internal.h"

/* Low in the address space, because tables are named by addresses of 32 bits. The root pointer
 * comes first. */
#define TABLES_AT UINT64_C(0x20000000)
#define TABLES_BYTES 0x10000u
#define TABLES_ROOT 64u /* the table of tables */
#define TABLES_MAX 8u
#define TABLES_FIRST 256u

static uint8_t *tables;
static uint32_t tables_end;
static unsigned tables_count;

static inline void table_sum(uint8_t *bytes, uint32_t size, uint32_t at)
{
    uint8_t sum = 0;
    bytes[at] = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

/* Begins with no table but the root, whose entries have 4 bytes. */
static inline void tables_begin(void)
{
    if (tables == NULL)
        tables = mmap((void *)TABLES_AT, TABLES_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    memset(tables, 0, TABLES_BYTES);
    const uint32_t root = (uint32_t)TABLES_AT + TABLES_ROOT;
    memcpy(tables, "RSD PTR ", 8);
    memcpy(tables + 16, &root, 4);
    table_sum(tables, 20, 8);
    tables_end = TABLES_FIRST;
    tables_count = 0;
}

/* Adds a table whose body follows the header. Returns its address, or 0 if there is no room. The
 * root names it if `listed` is set. */
static inline uint32_t tables_add(const char *signature, const void *body, size_t len, bool listed)
{
    uint32_t size = 36 + (uint32_t)len, address = (uint32_t)TABLES_AT + tables_end;
    uint8_t *table = tables + tables_end;
    if (tables_end + size > TABLES_BYTES || tables_count == TABLES_MAX)
        return 0;
    memcpy(table, signature, 4);
    memcpy(table + 4, &size, 4);
    memcpy(table + 36, body, len);
    table_sum(table, size, 9);
    if (listed)
        memcpy(tables + TABLES_ROOT + 36 + 4 * tables_count++, &address, 4);
    tables_end += (size + 15) & ~15u;
    size = 36 + 4 * tables_count;
    memcpy(tables + TABLES_ROOT, "RSDT", 4);
    memcpy(tables + TABLES_ROOT + 4, &size, 4);
    table_sum(tables + TABLES_ROOT, size, 9);
    return address;
}

/* The functions of the machine that acpi.c calls. Nothing but the tables can be read. */
bool mn_pages_readable(uint64_t address)
{
    return address >= TABLES_AT && address < TABLES_AT + TABLES_BYTES;
}

bool mn_pages_map(uint64_t start, uint64_t end, enum mn_access access)
{
    (void)start;
    (void)end;
    (void)access;
    return false;
}

#endif
