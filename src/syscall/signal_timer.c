/* Timers of timer_create, which send signals. While the signal of a timer waits, it is not sent
 * again; it tells how often it would have been: the overrun. */
#include <string.h>

#include "syscall/signal_file.h"
#include "syscall/timer.h"

enum {
    SIGEV_SIGNAL = 0,
    SIGEV_NONE = 1,
    SIGEV_THREAD_ID = 4,
};

struct signal_timer {
    struct mnet_link link; /* of system->signal_timers */
    struct mn_program_timer timer;
    struct mn_thread *to; /* NULL: any */
    bool wall, silent;
    int overrun; /* of the signal that was taken last */
    struct mn_signal signal;
};

/* struct sigevent, as the call has it. */
struct event {
    uint64_t value;
    int number, notify, thread;
};

static struct signal_timer *timer_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct signal_timer, link);
}

static struct signal_timer *find(struct mn_system *system, int id)
{
    struct mnet_link *head = &system->signal_timers;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        if (timer_of(node)->signal.process == id)
            return timer_of(node);
    }
    return NULL;
}

static void fire(struct mn_system *system, struct mn_program_timer *timer, uint64_t times)
{
    struct signal_timer *own = MN_CONTAINER(timer, struct signal_timer, timer);
    struct mn_signal signal = own->signal;
    MN_DEBUG_ASSERT(times > 0);
    signal.user = (int)MN_MIN(times - 1, (uint64_t)INT32_MAX / 2);
    if (!own->silent)
        (void)mn_signal_send(system, own->to, &signal);
}

void mn_signal_timer_told(struct mn_system *system, const struct mn_signal *signal)
{
    struct signal_timer *timer = find(system, signal->process);
    if (timer != NULL)
        timer->overrun = signal->user;
}

void mn_signal_timers_forget(const struct mn_thread *thread)
{
    struct mnet_link *head = &thread->system->signal_timers;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        if (timer_of(node)->to == thread)
            timer_of(node)->silent = true;
    }
}

/* Returns what a timer does by default, or as it was asked. */
static struct event event_of(uint64_t address, int id)
{
    struct event event = {.value = (uint64_t)id, .number = MN_SIGALRM, .notify = SIGEV_SIGNAL};
    if (address != 0)
        memcpy(&event, mn_pointer(address), sizeof event);
    return event;
}

MN_CALL(timer_create)
{
    struct mn_system *system = thread->system;
    int id = system->last_signal_timer;
    struct event event = event_of(argument[1], id);
    bool to_thread = event.notify == SIGEV_THREAD_ID, silent = event.notify == SIGEV_NONE;
    struct mn_thread *to = to_thread ? mn_thread_find(system, event.thread) : NULL;
    if (argument[0] == 2 || argument[0] == 3)
        return mn_missing(thread, 222, "of processor time");
    if (argument[0] != 0 && argument[0] != 1 && argument[0] != 7)
        return -MNET_EINVAL;
    if (!silent && (event.number <= 0 || event.number >= MN_SIGNALS || (to_thread && to == NULL) ||
                    (!to_thread && event.notify != SIGEV_SIGNAL)))
        return -MNET_EINVAL;
    struct signal_timer *timer = mn_object_alloc(&system->objects, sizeof *timer);
    if (timer == NULL)
        return -MNET_EAGAIN;
    *timer = (struct signal_timer){
        .timer = {.fire = fire, .at = MNET_NEVER},
        .to = to,
        .wall = mn_clock_is_wall(argument[0]),
        .silent = silent,
        .signal = {.number = event.number, .code = MN_SI_TIMER, .process = id, .value = event.value}};
    system->last_signal_timer++;
    mn_list_append(&system->signal_timers, &timer->link);
    memcpy(mn_pointer(argument[2]), &id, sizeof id);
    return 0;
}

MN_CALL(timer_settime)
{
    struct mn_system *system = thread->system;
    struct signal_timer *timer = find(system, (int)argument[0]);
    struct mn_timer_times wanted, before;
    memcpy(&wanted, mn_pointer(argument[2]), sizeof wanted);
    if (timer == NULL || !mn_timer_times_ok(&wanted))
        return -MNET_EINVAL;
    mn_timer_describe(system, &timer->timer, &before);
    mn_timer_start(system, &timer->timer, &wanted, argument[1], timer->wall);
    if (argument[3] != 0)
        memcpy(mn_pointer(argument[3]), &before, sizeof before);
    return 0;
}

MN_CALL(timer_gettime)
{
    const struct signal_timer *timer = find(thread->system, (int)argument[0]);
    struct mn_timer_times now;
    if (timer == NULL)
        return -MNET_EINVAL;
    mn_timer_describe(thread->system, &timer->timer, &now);
    memcpy(mn_pointer(argument[1]), &now, sizeof now);
    return 0;
}

MN_CALL(timer_getoverrun)
{
    const struct signal_timer *timer = find(thread->system, (int)argument[0]);
    return timer != NULL ? timer->overrun : -MNET_EINVAL;
}

/* A signal of it that waits is still taken. */
MN_CALL(timer_delete)
{
    struct mn_system *system = thread->system;
    struct signal_timer *timer = find(system, (int)argument[0]);
    if (timer == NULL)
        return -MNET_EINVAL;
    mn_list_remove(&timer->timer.link);
    mn_list_remove(&timer->link);
    mn_object_free(&system->objects, timer, sizeof *timer);
    return 0;
}
