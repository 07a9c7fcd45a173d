/* Task stacks from mmap, and the report of an overflow.
 *
 * An overflowing task has no stack left for a signal handler, so the handler has one of its own. It
 * runs in the thread that faulted, where the scheduler knows the running task.
 */
#include "ports/hosted/stacks.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/format.h"

/* So wide that a frame with a few buffers hits it, and not the memory below. */
#define GUARD_BYTES ((size_t)64 * 1024)
#define HANDLER_STACK_BYTES ((size_t)64 * 1024)

/* The leak checker, if the program is built with it, must look for pointers on these stacks,
 * too. */
__attribute__((weak)) void __lsan_register_root_region(const void *begin, size_t size);
__attribute__((weak)) void __lsan_unregister_root_region(const void *begin, size_t size);

static struct sigaction before;

static void report(const char *name, size_t size)
{
    char text[200];
    mn_format(text, sizeof text, "task \"%s\" overflowed its stack of %zu bytes\n", name, size);
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    struct mn_scheduler *scheduler = mn_scheduler_current();
    struct mnet_task *task = scheduler != NULL ? mn_scheduler_overflowed(scheduler, info->si_addr) : NULL;
    if (task == NULL) {
        sigaction(number, &before, NULL); /* the fault happens again when this returns */
        return;
    }
    report(mnet_task_name(task), mn_scheduler_stack_size(scheduler));
    abort();
}

/* A signal stack for the thread, unless it has one. */
static void have_signal_stack(void)
{
    stack_t stack;
    if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE) == 0)
        return;
    void *memory = mmap(NULL, HANDLER_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
        stack = (stack_t){.ss_sp = memory, .ss_size = HANDLER_STACK_BYTES};
        sigaltstack(&stack, NULL);
    }
}

void mn_hosted_catch_overflows(void)
{
    have_signal_stack();
    struct sigaction old;
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK)};
    if (sigaction(SIGSEGV, &fault, &old) == 0 && old.sa_sigaction != on_fault)
        before = old;
}

static void catch_once(void)
{
    static _Thread_local bool caught;
    if (!caught) {
        caught = true;
        mn_hosted_catch_overflows();
    }
}

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

static void *stack_alloc(void *context, size_t size)
{
    (void)context;
    catch_once();
    size_t usable = whole_pages(size);
    char *region = mmap(NULL, GUARD_BYTES + usable, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
                        -1, 0);
    if (region == MAP_FAILED)
        return NULL;
    if (mprotect(region + GUARD_BYTES, usable, PROT_READ | PROT_WRITE) != 0) {
        munmap(region, GUARD_BYTES + usable);
        return NULL;
    }
    if (__lsan_register_root_region != NULL)
        __lsan_register_root_region(region + GUARD_BYTES, usable);
    return region + GUARD_BYTES;
}

static void stack_free(void *context, void *lowest, size_t size)
{
    (void)context;
    size_t usable = whole_pages(size);
    if (__lsan_unregister_root_region != NULL)
        __lsan_unregister_root_region(lowest, usable);
    munmap((char *)lowest - GUARD_BYTES, GUARD_BYTES + usable);
}

const struct mn_task_stacks mn_hosted_stacks = {stack_alloc, stack_free, NULL, 0};
