/* Questions of a program about itself and the machine. */
#include <assert.h>
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"

/* For calls that have nothing to do here, and succeed. */
MN_CALL(nothing)
{
    (void)thread;
    (void)argument;
    return 0;
}

MN_CALL(getpid)
{
    (void)thread;
    (void)argument;
    return MN_PROCESS;
}

#define UNAME_FIELD 65

const char *const mn_uname_fields[MN_UNAME_FIELDS] = {"Linux", "mnet", "6.1.0", "mnet", "x86_64", "(none)"};

MN_CALL(uname)
{
    char *to = mn_pointer(argument[0]);
    (void)thread;
    for (size_t i = 0; i < MN_UNAME_FIELDS; i++, to += UNAME_FIELD) {
        memset(to, 0, UNAME_FIELD);
        memcpy(to, mn_uname_fields[i], strlen(mn_uname_fields[i]));
    }
    return 0;
}

/* struct sysinfo. */
struct machine_info {
    int64_t uptime;
    uint64_t loads[3], total, free, shared, buffers, swap, swap_free;
    uint16_t processes, pad;
    uint64_t high, high_free;
    uint32_t unit;
    char rest[4];
};

static_assert(sizeof(struct machine_info) == 112, "as Linux has it");

MN_CALL(sysinfo)
{
    const struct mn_system *system = thread->system;
    struct machine_info info = {.uptime = (int64_t)(mn_system_now(system) / MNET_SECOND),
                                .total = system->arena.pages * MN_SYSTEM_PAGE,
                                .free = system->arena.free * MN_SYSTEM_PAGE,
                                .processes = 1,
                                .unit = 1};
    memcpy(mn_pointer(argument[0]), &info, sizeof info);
    return 0;
}

enum limit {
    RLIMIT_STACK = 3,
    RLIMIT_CORE = 4,
    RLIMIT_NOFILE = 7,
    RLIMITS = 16,
};

static int64_t limit(struct mn_system *system, uint64_t which, uint64_t *to)
{
    if (which >= RLIMITS)
        return -MNET_EINVAL;
    if (to == NULL)
        return 0;
    to[0] = to[1] = which == RLIMIT_STACK    ? system->stack_size
                    : which == RLIMIT_NOFILE ? MN_DESCRIPTORS
                    : which == RLIMIT_CORE   ? 0
                                             : UINT64_MAX;
    return 0;
}

MN_CALL(getrlimit)
{
    return limit(thread->system, argument[0], mn_pointer(argument[1]));
}

/* New limits are accepted, and have no effect. But there are no more descriptors than there are: a
 * program that asks for them is told, and makes do with less. */
static int check_limit(uint64_t which, const uint64_t *wanted)
{
    return which == RLIMIT_NOFILE && (wanted[0] > MN_DESCRIPTORS || wanted[1] > MN_DESCRIPTORS) ? -MNET_EPERM : 0;
}

MN_CALL(setrlimit)
{
    (void)thread;
    return check_limit(argument[0], mn_pointer(argument[1]));
}

MN_CALL(prlimit64)
{
    int error = argument[2] != 0 ? check_limit(argument[1], mn_pointer(argument[2])) : 0;
    return error < 0 ? error : limit(thread->system, argument[1], mn_pointer(argument[3]));
}

/* The program has the processor all the time. */
MN_CALL(getrusage)
{
    uint64_t now = mn_system_now(thread->system);
    int64_t usage[18] = {(int64_t)(now / MNET_SECOND), (int64_t)(now % MNET_SECOND / MNET_MICROSECOND)};
    memcpy(mn_pointer(argument[1]), usage, sizeof usage);
    return 0;
}

#define MASK_BYTES 8u

MN_CALL(sched_getaffinity)
{
    const uint64_t first = 1;
    (void)thread;
    if (argument[1] < MASK_BYTES)
        return -MNET_EINVAL;
    memcpy(mn_pointer(argument[2]), &first, sizeof first);
    return MASK_BYTES;
}

MN_CALL(getrandom)
{
    mn_system_random(thread->system, mn_pointer(argument[0]), argument[1]);
    return (int64_t)argument[1];
}

/* There are no children to wait for. */
MN_CALL(no_child)
{
    (void)thread;
    (void)argument;
    return -MN_ECHILD;
}

/* Real, effective and saved: root. */
MN_CALL(getresuid)
{
    const uint32_t root = 0;
    (void)thread;
    for (int i = 0; i < 3; i++)
        memcpy(mn_pointer(argument[i]), &root, sizeof root);
    return 0;
}

/* As the system call has it: 20 less the nice value. */
MN_CALL(getpriority)
{
    (void)thread;
    (void)argument;
    return 20;
}

MN_CALL(getcpu)
{
    const uint32_t first = 0;
    (void)thread;
    for (int i = 0; i < 2; i++) {
        if (argument[i] != 0)
            memcpy(mn_pointer(argument[i]), &first, sizeof first);
    }
    return 0;
}

#define TICK (MNET_SECOND / 100) /* AT_CLKTCK */

/* All the time is the program's. */
MN_CALL(times)
{
    uint64_t ticks = mn_system_now(thread->system) / TICK;
    const int64_t times[4] = {(int64_t)ticks, 0, 0, 0};
    if (argument[0] != 0)
        memcpy(mn_pointer(argument[0]), times, sizeof times);
    return (int64_t)ticks;
}
