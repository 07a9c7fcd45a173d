/* Tasks: their beginning, their tree, their end. See task.h for the states. */
#include "task/task.h"

#include <string.h>

#include "task/switch.h"

/* No record or group may lie in a frame that was left, which is all of the stack below `live`. One
 * is found without reading such a frame: the owned records are walked from the newest on, and each
 * is checked before the walk reads it. */
static void check_left(const struct mnet_task *task, const char *live)
{
    for (struct mnet_link *link = mn_list_first(&task->owned); link != NULL && link != &task->owned;
         link = link->next) {
        if (mn_task_left(task, link, live) ||
            mn_task_left(task, MN_CONTAINER(link, struct mnet_owned, link)->resource, live))
            mn_misused(__FILE__, __LINE__, "mnet_own", MN_LEFT("what it owns"));
    }
    struct mnet_link *link = mn_list_first(&task->children);
    for (; link != NULL && link != &task->children; link = link->next) {
        const struct mnet_task *child = MN_CONTAINER(link, struct mnet_task, sibling);
        if (child->group != NULL && mn_task_left(task, child->group, live))
            mn_misused(__FILE__, __LINE__, "mnet_group_spawn", MN_LEFT("a group with members"));
        if (!child->begun && mn_task_left(task, child->argument, live))
            mn_misused(__FILE__, __LINE__, "mnet_spawn", MN_LEFT("the argument of a child that has not begun"));
    }
}

/* The first frame of every task. */
static void task_main(void *argument)
{
    struct mnet_task *task = argument;
    mn_fiber_arrive(&task->stack, &task->scheduler->root);
    task->begun = true;
    int result = task->run(task->argument);
    check_left(task, __builtin_frame_address(0));
    mn_task_finish(task, result);
}

struct mnet_task *mn_task_place(struct mn_scheduler *scheduler, void *lowest, size_t size, size_t reserved)
{
    size_t below = (size - reserved - sizeof(struct mnet_task)) & ~(size_t)15;
    struct mnet_task *task = (struct mnet_task *)(void *)((char *)lowest + below);
    *(uint64_t *)lowest = mn_canary(lowest);
    memset(task, 0, sizeof *task);
    task->scheduler = scheduler;
    scheduler->tasks++;
    task->stack = (struct mn_fiber){lowest, size, NULL};
    task->state = MN_TASK_RUNNABLE;
    task->context = mn_switch_prepare(lowest, task, task_main, task);
    return task;
}

struct mnet_task *mn_task_create(struct mn_scheduler *scheduler, size_t stack_size, int (*run)(void *argument),
                                 void *argument)
{
    void *lowest = mn_stack_get(scheduler, stack_size);
    if (lowest == NULL)
        return NULL;
    struct mnet_task *task = mn_task_place(scheduler, lowest, stack_size, 0);
    task->run = run;
    task->argument = argument;
    mn_task_enqueue(task);
    return task;
}

void mn_task_free(struct mnet_task *task)
{
    task->handle = false; /* joining it again is reported, as long as the stack exists */
    mn_list_remove(&task->sibling);
    task->scheduler->tasks--;
    mn_stack_put(task->scheduler, task->stack.lowest, task->stack.size);
}

bool mn_task_left(const struct mnet_task *task, const void *address, const char *live)
{
    const char *at = address;
    return at >= task->stack.lowest && at < live;
}

void mn_task_set_at_end(struct mnet_task *task, void (*at_end)(void *context, int result), void *context)
{
    task->at_end = at_end;
    task->at_end_context = context;
}

/* Spawns a child of the calling task. A size of 0 is the usual one. */
static int spawn(struct mnet_task **child, size_t stack_size, int (*run)(void *argument), void *argument)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || self->finalising || run == NULL)
        return MNET_E_INVALID;
    struct mnet_task *task = mn_task_create(self->scheduler,
                                            stack_size != 0 ? stack_size : self->scheduler->stacks.size, run, argument);
    if (task == NULL)
        return MNET_E_NO_MEMORY;
    task->name = self->name;
    task->parent = self;
    mn_list_append(&self->children, &task->sibling);
    self->running_children++;
    *child = task;
    return 0;
}

/* Gives the caller a handle if it wants one. */
static int spawn_child(struct mnet_task **task, size_t stack_size, int (*run)(void *argument), void *argument)
{
    struct mnet_task *child;
    int error = spawn(&child, stack_size, run, argument);
    if (error < 0)
        return error;
    if (task != NULL) {
        child->handle = true;
        *task = child;
    }
    return 0;
}

int mnet_spawn(struct mnet_task **task, int (*run)(void *argument), void *argument)
{
    return spawn_child(task, 0, run, argument);
}

#define STACK_UNIT 4096u
#define STACK_MOST ((size_t)1 << 30)

int mnet_spawn_sized(struct mnet_task **task, size_t stack_bytes, int (*run)(void *argument), void *argument)
{
    if (stack_bytes < MN_TASK_STACK_LEAST || stack_bytes > STACK_MOST || stack_bytes % STACK_UNIT != 0)
        return MNET_E_INVALID;
    return spawn_child(task, stack_bytes, run, argument);
}

int mnet_join(struct mnet_task *task, int *result, uint64_t deadline)
{
    struct mnet_task *self = mn_task_self();
    if (self == NULL || task == NULL || task->parent != self || !task->handle)
        return MNET_E_INVALID;
    self->shielded = task->cancelled; /* it is ending, and may use our frames until then */
    int error = task->state == MN_TASK_ENDED ? 0 : mn_task_wait(self, &task->joiners, deadline);
    self->shielded = false;
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
    /* A task that awaits its children wakes to cancel them: see await_children. */
    if (task->state == MN_TASK_WAITING && !task->shielded)
        mn_task_wake(task, MNET_E_CANCELLED);
}

unsigned mnet_task_count(void)
{
    return mn_scheduler_here != NULL ? mn_scheduler_here->tasks : 0;
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

/* Each level of the tree does this itself when it is cancelled, so a deep tree needs no deep
 * stack. */
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

/* Reports the end of the task to its group, its joiners or its parent. */
static void report_end(struct mnet_task *task)
{
    struct mnet_task *parent = task->parent;
    if (task->group != NULL)
        mn_group_note_end(task);
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
    if (task->at_end != NULL)
        task->at_end(task->at_end_context, result);
    await_children(task);
    mn_task_finalise(task);
    free_children(task);
    task->state = MN_TASK_ENDED;
    report_end(task);
    mn_task_leave(task);
}

/* Not inline: all frames below its own are the ones that were left. */
MN_APART _Noreturn void mnet_exit(int result)
{
    struct mnet_task *self = mn_task_self();
    MN_REQUIRE(self != NULL, "called outside tasks");
    MN_REQUIRE(!self->finalising, "called in a finaliser");
    check_left(self, MN_CALLERS_END);
    mn_task_finish(self, result);
}

struct mnet_task *mnet_self(void)
{
    return mn_task_self();
}

void mnet_task_set_name(struct mnet_task *task, const char *name)
{
    MN_REQUIRE(task != NULL, "the task is NULL");
    task->name = name != NULL ? name : "";
}

const char *mnet_task_name(const struct mnet_task *task)
{
    return task != NULL ? task->name : "";
}

/* It is here, not in group.c, because it makes a task. */
int mnet_group_spawn(struct mnet_group *group, int (*run)(void *argument), void *argument)
{
    struct mnet_task *child;
    if (group != NULL && group->cancel_on_failure && group->failure < 0)
        return MNET_E_CANCELLED;
    int error = group != NULL ? spawn(&child, 0, run, argument) : MNET_E_INVALID;
    if (error < 0)
        return error;
    child->group = group;
    group->cancelled = false;
    mn_list_append(&group->running, &child->member);
    group->count++;
    return 0;
}
