/* Futexes: waiting for a word of memory to change (futex(2)). Waiters stand in buckets by their
 * address. */
#include "syscall/calls.h"

enum futex_operation {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
};

#define FUTEX_OPERATION 0x7fu /* without the flags PRIVATE and CLOCK_REALTIME */
#define FUTEX_CLOCK_REALTIME 0x100u

struct futex_waiter {
    struct mnet_link link; /* of a bucket; not linked: woken */
    const uint32_t *address;
    uint32_t bits;
    struct mnet_waiters waiters;
};

static struct mnet_link *bucket(struct mn_system *system, const uint32_t *address)
{
    MN_DEBUG_ASSERT(address != NULL);
    return &system->futexes[((uintptr_t)address >> 2) % MN_FUTEX_BUCKETS];
}

static int64_t futex_wait(struct mn_system *system, const uint32_t *address, uint32_t expected, uint64_t deadline,
                          uint32_t bits)
{
    struct futex_waiter waiter = {.address = address, .bits = bits};
    int error = 0;
    if (__atomic_load_n(address, __ATOMIC_RELAXED) != expected)
        return -MNET_EAGAIN;
    mn_list_append(bucket(system, address), &waiter.link);
    MN_DEBUG_ASSERT(mn_list_linked(&waiter.link));
    while (error == 0 && mn_list_linked(&waiter.link))
        error = mn_wait(&waiter.waiters, deadline);
    if (!mn_list_linked(&waiter.link))
        return 0;
    mn_list_remove(&waiter.link);
    return error == MNET_E_DEADLINE ? -MNET_ETIMEDOUT : -MNET_EINTR;
}

/* Wakes up to `count` waiters for a word, or makes them wait for another. Returns how many. */
static int64_t for_waiters(struct mn_system *system, const uint32_t *address, uint64_t count, uint32_t bits,
                           const uint32_t *moved_to)
{
    struct mnet_link *head = bucket(system, address), *next;
    uint64_t found = 0;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head && found < count; at = next) {
        struct futex_waiter *waiter = MN_CONTAINER(at, struct futex_waiter, link);
        next = at->next;
        if (waiter->address != address || (waiter->bits & bits) == 0)
            continue;
        MN_DEBUG_ASSERT(mn_list_linked(&waiter->link));
        found++;
        mn_list_remove(&waiter->link);
        waiter->address = moved_to;
        if (moved_to != NULL)
            mn_list_append(bucket(system, moved_to), &waiter->link);
        else
            mn_wake_all(&waiter->waiters);
    }
    return (int64_t)found;
}

int64_t mn_futex_wake(struct mn_system *system, const uint32_t *address, uint64_t count, uint32_t bits)
{
    return for_waiters(system, address, count, bits, NULL);
}

/* Wakes some, and lets others wait for another word. */
static int64_t requeue(struct mn_system *system, const uint64_t *argument, bool compare)
{
    const uint32_t *from = mn_pointer(argument[0]), *to = mn_pointer(argument[4]);
    if (compare && __atomic_load_n(from, __ATOMIC_RELAXED) != (uint32_t)argument[5])
        return -MNET_EAGAIN;
    int64_t woken = mn_futex_wake(system, from, argument[2], UINT32_MAX);
    int64_t moved = from == to ? 0 : for_waiters(system, from, argument[3], UINT32_MAX, to);
    return woken + (compare ? moved : 0);
}

MN_CALL(futex)
{
    struct mn_system *system = thread->system;
    const uint32_t *address = mn_pointer(argument[0]);
    uint32_t value = (uint32_t)argument[2];
    const struct mn_timespec *time = mn_pointer(argument[3]);
    bool wall = (argument[1] & FUTEX_CLOCK_REALTIME) != 0;
    switch (argument[1] & FUTEX_OPERATION) {
    case FUTEX_WAIT: return futex_wait(system, address, value, mn_deadline_after(system, time), UINT32_MAX);
    case FUTEX_WAIT_BITSET:
        return futex_wait(system, address, value, mn_deadline_at(system, time, wall), (uint32_t)argument[5]);
    case FUTEX_WAKE: return mn_futex_wake(system, address, value, UINT32_MAX);
    case FUTEX_WAKE_BITSET: return mn_futex_wake(system, address, value, (uint32_t)argument[5]);
    case FUTEX_REQUEUE: return requeue(system, argument, false);
    case FUTEX_CMP_REQUEUE: return requeue(system, argument, true);
    default: return mn_missing(thread, 202, "with that operation");
    }
}
