/* Tasks: their beginning, their tree, their end. See task.h for the states. */
#include "task/task.h"

#include <string.h>

#include "task/switch.h"

/* The first frame of every task. The records of what the task owns, and groups, may lie in the frames that its function has just left:
 * the end runs below the lowest of them. They are not overwritten before, because nothing is called in between. The
 * sanitizer would put red zones into them. */
__attribute__((no_sanitize("address"))) static void task_main(void *argument)
{
    struct mnet_task *task = argument;
    char *frame = __builtin_frame_address(0);
    mn_fiber_arrive(&task->stack, &task->scheduler->root);
    task->kept = frame;
    int result = task->run(task->argument);
    volatile char *below = __builtin_alloca((size_t)(frame - task->kept) + 16);
    below[0] = 0;
    mn_task_finish(task, result);
}

struct mnet_task *mn_task_place(struct mn_scheduler *scheduler, void *lowest, size_t reserved)
{
    size_t size = scheduler->stacks.size;
    size_t below = (size - reserved - sizeof(struct mnet_task)) & ~(size_t)15;
    struct mnet_task *task = (struct mnet_task *)(void *)((char *)lowest + below);
    *(uint64_t *)lowest = mn_canary(lowest);
    memset(task, 0, sizeof *task);
    task->scheduler = scheduler;
    task->stack = (struct mn_fiber){lowest, size, NULL};
    task->state = MN_TASK_RUNNABLE;
    task->context = mn_switch_prepare(lowest, task, task_main, task);
    return task;
}

struct mnet_task *mn_task_create(struct mn_scheduler *scheduler, int (*run)(void *argument), void *argument)
{
    void *lowest = mn_stack_get(scheduler);
    if (lowest == NULL)
        return NULL;
    struct mnet_task *task = mn_task_place(scheduler, lowest, 0);
    task->run = run;
    task->argument = argument;
    mn_task_enqueue(task);
    return task;
}

void mn_task_free(struct mnet_task *task)
{
    mn_list_remove(&task->sibling);
    mn_stack_put(task->scheduler, task->stack.lowest);
}

void mn_task_keep(struct mnet_task *task, void *address)
{
    if ((char *)address >= task->stack.lowest && (char *)address < task->kept)
        task->kept = address;
}

/* A child of the calling task. */
static int spawn(struct mnet_task **child, int (*run)(void *argument), void *argument)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || self->finalising || run == NULL)
        return MNET_E_INVALID;
    struct mnet_task *task = mn_task_create(self->scheduler, run, argument);
    if (task == NULL)
        return MNET_E_NO_MEMORY;
    task->name = self->name;
    task->parent = self;
    mn_list_append(&self->children, &task->sibling);
    self->running_children++;
    *child = task;
    return 0;
}

int mnet_spawn(struct mnet_task **task, int (*run)(void *argument), void *argument)
{
    struct mnet_task *child;
    int error = spawn(&child, run, argument);
    if (error < 0)
        return error;
    if (task != NULL) {
        child->handle = true;
        *task = child;
    }
    return 0;
}

int mnet_join(struct mnet_task *task, int *result, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || task == NULL || task->parent != self || !task->handle)
        return MNET_E_INVALID;
    int error = task->state == MN_TASK_ENDED ? 0 : mn_task_wait(self, &task->joiners, deadline);
    if (error < 0)
        return error;
    if (result != NULL)
        *result = task->result;
    mn_task_free(task);
    return 0;
}

void mnet_cancel(struct mnet_task *task)
{
    if (task == NULL || task->cancelled || task->state == MN_TASK_ENDED)
        return;
    task->cancelled = true;
    /* A task that awaits its children wakes up to cancel them: see await_children. */
    if (task->state == MN_TASK_WAITING && !task->shielded)
        mn_task_wake(task, MNET_E_CANCELLED);
}

bool mnet_cancelled(void)
{
    const struct mnet_task *self = mn_task_self();
    return self != NULL && self->cancelled;
}

static void cancel_children(struct mnet_task *task)
{
    struct mnet_link *link = mn_list_first(&task->children);
    for (; link != NULL && link != &task->children; link = link->next)
        mnet_cancel(MN_CONTAINER(link, struct mnet_task, sibling));
}

/* Each level of the tree does this itself when it is cancelled, so a deep tree needs no deep stack. */
static void await_children(struct mnet_task *task)
{
    while (task->running_children > 0) {
        if (task->result < 0 || task->cancelled)
            cancel_children(task);
        task->state = MN_TASK_WAITING;
        mn_task_suspend(task);
    }
}

static void free_children(struct mnet_task *task)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&task->children)) != NULL) {
        struct mnet_task *child = MN_CONTAINER(link, struct mnet_task, sibling);
        mn_group_forget(child);
        mn_task_free(child);
    }
}

/* Tells whoever is to know that the task has ended. */
static void report_end(struct mnet_task *task)
{
    struct mnet_task *parent = task->parent;
    if (task->group != NULL)
        mn_group_ended(task);
    else if (task->handle)
        mn_wake_all(&task->joiners);
    else if (parent != NULL)
        task->scheduler->abandoned = task;
    if (parent == NULL)
        return;
    parent->running_children--;
    if (parent->running_children == 0 && parent->ending && parent->state == MN_TASK_WAITING)
        mn_task_wake(parent, 0);
}

_Noreturn void mn_task_finish(struct mnet_task *task, int result)
{
    task->ending = true;
    task->result = result;
    await_children(task);
    mn_task_finalise(task);
    free_children(task);
    task->state = MN_TASK_ENDED;
    report_end(task);
    mn_task_leave(task);
}

_Noreturn void mnet_exit(int result)
{
    struct mnet_task *self = mn_task_self();
    MN_ASSERT(self != NULL && !self->finalising);
    mn_task_finish(self, result);
}

struct mnet_task *mnet_self(void)
{
    return mn_task_self();
}

void mnet_task_set_name(struct mnet_task *task, const char *name)
{
    task->name = name != NULL ? name : "";
}

const char *mnet_task_name(const struct mnet_task *task)
{
    return task != NULL ? task->name : "";
}

/* Here, not in group.c, because it makes a task. */
int mnet_group_spawn(struct mnet_group *group, int (*run)(void *argument), void *argument)
{
    struct mnet_task *child;
    int error = group != NULL ? spawn(&child, run, argument) : MNET_E_INVALID;
    if (error < 0)
        return error;
    child->group = group;
    mn_list_append(&group->running, &child->member);
    group->count++;
    mn_task_keep(child->parent, group);
    return 0;
}
