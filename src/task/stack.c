/* Task stacks: taken from the port. Those of the usual size are kept for reuse in a bounded list,
 * last in, first out, while their memory is warm. */
#include "base/format.h"
#include "task/task.h"

void *mn_stack_get(struct mn_scheduler *scheduler, size_t size)
{
    MN_DEBUG_ASSERT((scheduler->kept_count == 0) == mn_list_empty(&scheduler->kept));
    MN_DEBUG_ASSERT(size >= MN_TASK_STACK_LEAST && size % 16 == 0);
    struct mnet_link *kept = mn_list_first(&scheduler->kept);
    if (kept == NULL || size != scheduler->stacks.size)
        return scheduler->stacks.alloc(scheduler->stacks.context, size);
    mn_list_remove(kept);
    scheduler->kept_count--;
    /* The link is at the top of the stack: see mn_stack_put. */
    return (char *)(kept + 1) - scheduler->stacks.size;
}

void mn_stack_put(struct mn_scheduler *scheduler, void *lowest, size_t size)
{
    MN_DEBUG_ASSERT(size >= MN_TASK_STACK_LEAST && size % 16 == 0);
    const struct mn_task_stacks *stacks = &scheduler->stacks;
    mn_fiber_clean(lowest, size);
    if (size != stacks->size || scheduler->kept_count == MN_TASK_STACKS_KEPT) {
        stacks->free(stacks->context, lowest, size);
        return;
    }
    struct mnet_link *kept = (struct mnet_link *)(void *)((char *)lowest + stacks->size) - 1;
    *kept = (struct mnet_link){0};
    mn_list_prepend(&scheduler->kept, kept);
    scheduler->kept_count++;
    MN_DEBUG_ASSERT(scheduler->kept_count <= MN_TASK_STACKS_KEPT);
}

void mn_stack_drop(struct mn_scheduler *scheduler)
{
    const struct mn_task_stacks *stacks = &scheduler->stacks;
    while (!mn_list_empty(&scheduler->kept))
        stacks->free(stacks->context, mn_stack_get(scheduler, stacks->size), stacks->size);
    MN_DEBUG_ASSERT(scheduler->kept_count == 0);
}

_Noreturn void mn_stack_overflowed(const struct mnet_task *task)
{
    char text[160];
    mn_format(text, sizeof text, "task \"%s\" overflowed its stack of %zu bytes", task->name, task->stack.size);
    mnet_panic(__FILE__, __LINE__, text);
}
