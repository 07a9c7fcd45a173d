/* Files whose text is made when they are read: what the system knows then. */
#include <string.h>

#include <mnet/format.h>
#include <mnet/resolvers.h>
#include <mnet/stack.h>

#include "syscall/open.h"

#define TEXT_BYTES ((size_t)4096)

/* A file, by its place in the table below. `write` puts the text into `size` bytes, and returns how
 * long it is, or a negative errno. */
struct generated {
    struct mn_open_ops ops;
    const char *path;
    int64_t (*write)(struct mn_system *system, char *text, size_t size);
};

static int64_t read_generated(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    const struct generated *file = MN_CONTAINER(open->ops, const struct generated, ops);
    struct mn_objects *objects = &open->system->objects;
    char *text = mn_object_alloc(objects, TEXT_BYTES);
    if (text == NULL)
        return -MNET_ENOMEM;
    int64_t got = file->write(open->system, text, TEXT_BYTES);
    if (got >= 0) {
        size_t size = MN_MIN((size_t)got, TEXT_BYTES - 1);
        got = *at < size ? (int64_t)MN_MIN(len, size - *at) : 0;
        if (got > 0)
            memcpy(buffer, text + *at, (size_t)got);
        *at += (uint64_t)got;
    }
    mn_object_free(objects, text, TEXT_BYTES);
    return got;
}

/* ---- /etc/resolv.conf ---- */

static size_t list_resolvers(const struct mnet_resolvers *known, char *text, size_t size)
{
    char address[MNET_ADDRESS_TEXT];
    size_t len = 0;
    for (unsigned i = 0; i < known->server_count && len < size; i++)
        len += mnet_format(text + len, size - len, "nameserver %s\n",
                           mnet_address_format(known->servers[i].address, address, sizeof address));
    for (unsigned i = 0; i < known->domain_count && len < size; i++)
        len += mnet_format(text + len, size - len, "%s%s", i == 0 ? "search " : " ", known->domains[i].name);
    if (known->domain_count > 0 && len < size)
        len += mnet_format(text + len, size - len, "\n");
    return len;
}

static int64_t write_resolvers(struct mn_system *system, char *text, size_t size)
{
    struct mnet_resolvers *known = mn_object_alloc(&system->objects, sizeof *known);
    if (known == NULL)
        return -MNET_ENOMEM;
    memset(known, 0, sizeof *known);
    if (system->stack != NULL)
        mnet_stack_resolvers(system->stack, known);
    size_t len = list_resolvers(known, text, size);
    mn_object_free(&system->objects, known, sizeof *known);
    return (int64_t)len;
}

/* ---- /proc ---- */

/* The tree is all there is, and statfs calls it a tmpfs. */
static int64_t write_mounts(struct mn_system *system, char *text, size_t size)
{
    (void)system;
    return (int64_t)mnet_format(text, size, "mnet / tmpfs rw 0 0\n");
}

#define MEMORY_LINE "%-16s%8llu kB\n"

/* The program's memory, as sysinfo tells it. */
static int64_t write_memory(struct mn_system *system, char *text, size_t size)
{
    const struct mn_arena *arena = &system->arena;
    unsigned long long unit = MN_SYSTEM_PAGE / 1024, total = arena->pages * unit, free = arena->free * unit;
    static const char *const none[] = {"Buffers:", "Cached:", "SwapTotal:", "SwapFree:"};
    size_t len = mnet_format(text, size, MEMORY_LINE MEMORY_LINE MEMORY_LINE, "MemTotal:", total, "MemFree:", free,
                             "MemAvailable:", free);
    for (size_t i = 0; i < MN_COUNT_OF(none); i++)
        len += mnet_format(text + len, size - len, MEMORY_LINE, none[i], 0ull);
    return (int64_t)len;
}

static int64_t write_system_name(struct mn_system *system, char *text, size_t size)
{
    (void)system;
    return (int64_t)mnet_format(text, size, "%s\n", mn_uname_fields[MN_UNAME_SYSTEM]);
}

static int64_t write_host_name(struct mn_system *system, char *text, size_t size)
{
    (void)system;
    return (int64_t)mnet_format(text, size, "%s\n", mn_uname_fields[MN_UNAME_HOST]);
}

static int64_t write_release(struct mn_system *system, char *text, size_t size)
{
    (void)system;
    return (int64_t)mnet_format(text, size, "%s\n", mn_uname_fields[MN_UNAME_RELEASE]);
}

/* Memory that is mapped is used: Linux's number for that is 2. */
static int64_t write_overcommit(struct mn_system *system, char *text, size_t size)
{
    (void)system;
    return (int64_t)mnet_format(text, size, "2\n");
}

/* ---- All ---- */

#define OPS \
    { \
        .mode = MN_S_IFREG | 0444, .seeks = true, .read = read_generated \
    }

static const struct generated files[] = {
    {OPS, "/etc/mtab", write_mounts},
    {OPS, "/etc/resolv.conf", write_resolvers},
    {OPS, "/proc/meminfo", write_memory},
    {OPS, "/proc/mounts", write_mounts},
    {OPS, "/proc/self/mounts", write_mounts},
    {OPS, "/proc/sys/kernel/hostname", write_host_name},
    {OPS, "/proc/sys/kernel/osrelease", write_release},
    {OPS, "/proc/sys/kernel/ostype", write_system_name},
    {OPS, "/proc/sys/vm/overcommit_memory", write_overcommit},
};

int mn_generated_each(struct mn_system *system,
                      int (*make)(struct mn_system *system, const char *path, const struct mn_open_ops *ops))
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < MN_COUNT_OF(files); i++)
        error = make(system, files[i].path, &files[i].ops);
    return error;
}
