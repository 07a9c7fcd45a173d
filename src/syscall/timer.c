/* Timers: alarm, setitimer, and those that are files. The first task lets them fire. */
#include <string.h>

#include "syscall/calls.h"
#include "syscall/open.h"
#include "syscall/signal_file.h"
#include "syscall/timer.h"

void mn_program_timer_set(struct mn_system *system, struct mn_program_timer *timer, uint64_t at, uint64_t interval)
{
    MN_DEBUG_ASSERT(timer->fire != NULL);
    mn_list_remove(&timer->link);
    timer->at = at;
    timer->interval = interval;
    if (at == MNET_NEVER)
        return;
    mn_list_append(&system->timers, &timer->link);
    mn_wake_all(&system->starter);
}

/* Ends or restarts a timer whose time has come. Returns how many of its times have passed. */
static uint64_t advance(struct mn_program_timer *timer, uint64_t now)
{
    MN_DEBUG_ASSERT(timer->at <= now);
    if (timer->interval == 0) {
        mn_list_remove(&timer->link);
        timer->at = MNET_NEVER;
        return 1;
    }
    uint64_t times = (now - timer->at) / timer->interval + 1;
    timer->at += times * timer->interval;
    MN_DEBUG_ASSERT(times > 0 && timer->at > now);
    return times;
}

uint64_t mn_program_timers_run(struct mn_system *system)
{
    uint64_t now = mn_system_now(system), next_at = MNET_NEVER;
    struct mnet_link *head = &system->timers, *next;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = next) {
        struct mn_program_timer *timer = MN_CONTAINER(node, struct mn_program_timer, link);
        next = node->next;
        if (timer->at <= now)
            timer->fire(system, timer, advance(timer, now));
        next_at = MN_MIN(next_at, timer->at);
    }
    return next_at;
}

static uint64_t left_of(const struct mn_system *system, const struct mn_program_timer *timer)
{
    uint64_t now = mn_system_now(system);
    if (!mn_list_linked(&timer->link))
        return 0;
    return timer->at > now ? timer->at - now : 1;
}

#define TIMER_ABSTIME 1u

void mn_timer_describe(const struct mn_system *system, const struct mn_program_timer *timer, struct mn_timer_times *now)
{
    mn_timespec_store(&now->value, left_of(system, timer));
    mn_timespec_store(&now->interval, mn_list_linked(&timer->link) ? timer->interval : 0);
}

bool mn_timer_times_ok(const struct mn_timer_times *times)
{
    return mn_timespec_ok(&times->value) && mn_timespec_ok(&times->interval);
}

void mn_timer_start(struct mn_system *system, struct mn_program_timer *timer, const struct mn_timer_times *times,
                    uint64_t flags, bool wall)
{
    uint64_t at = (flags & TIMER_ABSTIME) != 0 ? mn_deadline_at(system, &times->value, wall)
                                               : mn_deadline_after(system, &times->value);
    mn_program_timer_set(system, timer, mn_timespec_ns(&times->value) == 0 ? MNET_NEVER : at,
                         mn_timespec_ns(&times->interval));
}

/* ---- The program's one alarm ---- */

static void ring(struct mn_system *system, struct mn_program_timer *timer, uint64_t times)
{
    static const struct mn_signal signal = {.number = MN_SIGALRM, .code = MN_SI_KERNEL};
    (void)timer;
    (void)times;
    (void)mn_signal_send(system, NULL, &signal);
}

static void set_alarm(struct mn_system *system, uint64_t after, uint64_t interval)
{
    system->alarm.fire = ring;
    mn_program_timer_set(system, &system->alarm, after == 0 ? MNET_NEVER : mn_time_after(mn_system_now(system), after),
                         interval);
}

MN_CALL(alarm)
{
    struct mn_system *system = thread->system;
    uint64_t left = left_of(system, &system->alarm);
    set_alarm(system, (uint32_t)argument[0] * MNET_SECOND, 0);
    return (int64_t)((left + MNET_SECOND - 1) / MNET_SECOND);
}

/* struct itimerval. */
struct interval {
    struct mnet_timeval interval, value;
};

static struct mnet_timeval timeval_of(uint64_t ns)
{
    return (struct mnet_timeval){(int64_t)(ns / MNET_SECOND), (int64_t)(ns % MNET_SECOND / MNET_MICROSECOND)};
}

static bool is_valid(const struct mnet_timeval *time)
{
    return time->tv_sec >= 0 && time->tv_sec < INT32_MAX && time->tv_usec >= 0 && time->tv_usec < 1000000;
}

static uint64_t ns_of(const struct mnet_timeval *time)
{
    return (uint64_t)time->tv_sec * MNET_SECOND + (uint64_t)time->tv_usec * MNET_MICROSECOND;
}

MN_CALL(getitimer)
{
    const struct mn_system *system = thread->system;
    if (argument[0] != 0)
        return mn_missing(thread, 36, "of processor time");
    bool runs = mn_list_linked(&system->alarm.link);
    const struct interval now = {timeval_of(runs ? system->alarm.interval : 0),
                                 timeval_of(left_of(system, &system->alarm))};
    memcpy(mn_pointer(argument[1]), &now, sizeof now);
    return 0;
}

MN_CALL(setitimer)
{
    struct interval wanted = {{0, 0}, {0, 0}};
    if (argument[0] != 0)
        return mn_missing(thread, 38, "of processor time");
    if (argument[1] != 0)
        memcpy(&wanted, mn_pointer(argument[1]), sizeof wanted);
    if (!is_valid(&wanted.interval) || !is_valid(&wanted.value))
        return -MNET_EINVAL;
    const uint64_t asked[] = {0, argument[2]};
    if (argument[2] != 0)
        (void)mn_call_getitimer(thread, asked);
    set_alarm(thread->system, ns_of(&wanted.value), ns_of(&wanted.interval));
    return 0;
}

/* ---- Timers that are files: open->count has the times that nobody has read ---- */

struct timer_file {
    struct mn_program_timer timer;
    struct mn_open *open;
    bool wall;
};

static void count(struct mn_system *system, struct mn_program_timer *timer, uint64_t times)
{
    struct timer_file *file = MN_CONTAINER(timer, struct timer_file, timer);
    (void)system;
    MN_DEBUG_ASSERT(times > 0 && file->open->state == file);
    file->open->count += times;
    mn_open_tell(file->open);
}

static int64_t read_times(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    (void)at;
    int error = mn_open_await_count(open, len);
    if (error < 0)
        return error;
    memcpy(buffer, &open->count, sizeof open->count);
    open->count = 0;
    return sizeof open->count;
}

static unsigned times_ready(struct mn_open *open)
{
    return open->count > 0 ? MNET_READABLE : 0u;
}

static void close_timer(struct mn_open *open)
{
    struct timer_file *file = open->state;
    MN_DEBUG_ASSERT(file->open == open);
    mn_list_remove(&file->timer.link);
    mn_object_free(&open->system->objects, file, sizeof *file);
}

static const struct mn_open_ops timer_ops = {
    .mode = MN_S_IFCHR | 0600, .read = read_times, .ready = times_ready, .close = close_timer};

MN_CALL(timerfd_create)
{
    struct mn_system *system = thread->system;
    if (argument[0] != 0 && argument[0] != 1 && argument[0] != 7)
        return -MNET_EINVAL;
    struct timer_file *file = mn_object_alloc(&system->objects, sizeof *file);
    struct mn_open *open = file != NULL ? mn_open_new(system, &timer_ops, NULL, (uint32_t)argument[1] & MN_O_NONBLOCK)
                                        : NULL;
    if (open == NULL) {
        mn_object_free(&system->objects, file, sizeof *file);
        return -MNET_ENOMEM;
    }
    *file = (struct timer_file){.timer.fire = count, .timer.at = MNET_NEVER, .open = open};
    file->wall = mn_clock_is_wall(argument[0]);
    open->state = file;
    return mn_open_install(open);
}

static int hold_timer(struct mn_system *system, uint64_t fd, struct mn_open **open)
{
    int error = mn_open_hold(system, (int)fd, open);
    if (error < 0 || (*open)->ops == &timer_ops)
        return error;
    mn_open_release(*open);
    return -MNET_EINVAL;
}

MN_CALL(timerfd_gettime)
{
    struct mn_open *open;
    struct mn_timer_times now;
    int error = hold_timer(thread->system, argument[0], &open);
    if (error < 0)
        return error;
    const struct timer_file *file = open->state;
    mn_timer_describe(thread->system, &file->timer, &now);
    memcpy(mn_pointer(argument[1]), &now, sizeof now);
    mn_open_release(open);
    return 0;
}

MN_CALL(timerfd_settime)
{
    struct mn_system *system = thread->system;
    struct mn_open *open;
    struct mn_timer_times wanted, before;
    memcpy(&wanted, mn_pointer(argument[2]), sizeof wanted);
    if (!mn_timer_times_ok(&wanted))
        return -MNET_EINVAL;
    int error = hold_timer(system, argument[0], &open);
    if (error < 0)
        return error;
    struct timer_file *file = open->state;
    mn_timer_describe(system, &file->timer, &before);
    if (argument[3] != 0)
        memcpy(mn_pointer(argument[3]), &before, sizeof before);
    open->count = 0;
    mn_timer_start(system, &file->timer, &wanted, argument[1], file->wall);
    mn_open_release(open);
    return 0;
}
