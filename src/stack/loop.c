/* The event loop: see loop.h. */
#include "stack/loop.h"

#include <mnet/stack.h>

#include "base/list.h"
#include "stack/stack.h"

/* Resumptions in one turn: enough that polling costs little beside them, few enough that packets do
 * not wait for long. */
#define TASK_BUDGET 64
/* Interval between looks whether connections that are wound down are gone. */
#define DRAIN_STEP (1 * MNET_MILLISECOND)

void mn_loop_init(struct mn_loop *loop, const struct mn_loop_port *port)
{
    *loop = (struct mn_loop){.port = *port};
    mn_list_init(&loop->stacks);
}

static struct mnet_stack *stack_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mnet_stack, loop_link);
}

void mn_loop_add(struct mn_loop *loop, struct mnet_stack *stack)
{
    mn_list_append(&loop->stacks, &stack->loop_link);
    mn_tcp_let_user_follow(stack->tcp, loop->scheduler != NULL);
}

/* Returns true if a stack has work left. Neither polling nor a callback may take a stack down. */
static bool poll_stacks(struct mn_loop *loop, uint64_t now)
{
    MN_DEBUG_ASSERT(!loop->in_tasks);
    bool more = false;
    for (struct mnet_link *node = mn_list_begin(&loop->stacks); node != &loop->stacks; node = node->next)
        more |= mnet_stack_poll(stack_of(node), now);
    return more;
}

/* Tells the stacks whether tasks run after their polls, so that mn_stack_flush is called. */
static void announce_tasks(const struct mn_loop *loop)
{
    for (struct mnet_link *node = mn_list_begin(&loop->stacks); node != &loop->stacks; node = node->next)
        mn_tcp_let_user_follow(stack_of(node)->tcp, loop->scheduler != NULL);
}

static bool flush_stacks(struct mn_loop *loop)
{
    bool more = false;
    for (struct mnet_link *node = mn_list_begin(&loop->stacks); node != &loop->stacks; node = node->next)
        more |= mn_stack_flush(stack_of(node));
    return more;
}

/* The time at which the first of the stacks must be polled. */
static uint64_t stacks_deadline(const struct mn_loop *loop)
{
    uint64_t deadline = MNET_NEVER;
    for (struct mnet_link *node = mn_list_begin(&loop->stacks); node != &loop->stacks; node = node->next) {
        uint64_t at = mnet_stack_deadline(stack_of(node));
        deadline = MN_MIN(deadline, at);
    }
    return deadline;
}

/* Waits if there is nothing else to do. A deadline that has passed is served in the next turn. */
static void wait_for_work(struct mn_loop *loop, uint64_t now, uint64_t tasks_deadline)
{
    MN_DEBUG_ASSERT(!loop->in_tasks);
    if (tasks_deadline <= now)
        return;
    uint64_t deadline = stacks_deadline(loop);
    deadline = MN_MIN(deadline, tasks_deadline);
    if (deadline > now)
        loop->port.wait(loop->port.context, deadline);
}

/* Tasks that are left at the end of the program are cancelled, and end before it does. */
static void cancel_rest(void *context, int result)
{
    (void)context;
    (void)result;
    mnet_cancel(mnet_self());
}

int mn_loop_run(struct mn_loop *loop, const struct mn_task_stacks *stacks, int (*run)(void *argument), void *argument,
                int *result)
{
    uint64_t now = loop->port.now(loop->port.context);
    MN_ASSERT(loop->scheduler == NULL);
    loop->scheduler = mn_scheduler_create(stacks, run, argument, now);
    if (loop->scheduler == NULL)
        return MNET_E_NO_MEMORY;
    mn_task_set_at_end(mn_scheduler_main(loop->scheduler), cancel_rest, NULL);
    announce_tasks(loop);
    for (;;) {
        bool more = poll_stacks(loop, now);
        loop->in_tasks = true;
        more |= mn_scheduler_run(loop->scheduler, now, TASK_BUDGET);
        loop->in_tasks = false;
        more |= flush_stacks(loop);
        if (mn_scheduler_done(loop->scheduler, result))
            break;
        if (!more)
            wait_for_work(loop, now, mn_scheduler_deadline(loop->scheduler));
        now = loop->port.now(loop->port.context);
    }
    mn_scheduler_destroy(loop->scheduler);
    loop->scheduler = NULL;
    announce_tasks(loop);
    return MNET_OK;
}

void mn_loop_cancel(struct mn_loop *loop)
{
    loop->stopped = true;
    if (loop->scheduler != NULL)
        mnet_cancel(mn_scheduler_main(loop->scheduler));
}

static bool wind_down(struct mn_loop *loop, const struct mnet_env *env)
{
    bool busy = false;
    for (struct mnet_link *node = mn_list_begin(&loop->stacks); node != &loop->stacks; node = node->next) {
        struct mnet_stack *stack = stack_of(node);
        if (stack->env == env)
            busy |= mn_stack_wind_down(stack);
    }
    return busy;
}

void mn_loop_drain(struct mn_loop *loop, const struct mnet_env *env, uint64_t at_most_ns)
{
    uint64_t now = loop->port.now(loop->port.context);
    uint64_t end = now + at_most_ns;
    while (wind_down(loop, env) && now < end) {
        if (!poll_stacks(loop, now))
            wait_for_work(loop, now, MN_MIN(end, now + DRAIN_STEP));
        now = loop->port.now(loop->port.context);
    }
}
