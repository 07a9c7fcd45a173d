/* A C library that is lent to tasks of mnet: for programs that are written with mnet's calls, and
 * use the library, too.
 *
 * The library starts as always, and its main lends it. Then the program runs in tasks of its own.
 * The library takes all of them for its first thread, as they share that thread's data. So calls
 * never let another task run, unless they have to wait, and there are no further threads. When the
 * program has ended, main returns, and the library ends as always.
 */
#include "syscall/system.h"

int mn_system_lend(struct mn_system *system)
{
    struct mn_lending *lending = &system->lending;
    lending->begun = true;
    mn_wake_all(&system->starter);
    while (!lending->over && !system->ended) {
        if (mn_wait(&lending->end, MNET_NEVER) == MNET_E_CANCELLED)
            break;
    }
    return lending->result;
}

void mn_lend_to_tasks(struct mn_system *system, int (*run)(void *context))
{
    struct mn_lending *lending = &system->lending;
    while (!lending->begun && !system->ended) {
        if (mn_wait(&system->starter, MNET_NEVER) == MNET_E_CANCELLED)
            system->ended = true;
    }
    if (lending->begun)
        lending->result = run(system->port->context);
    if (system->ended)
        lending->result = system->status; /* of exit, or of a signal */
    lending->over = true;
    mn_wake_all(&lending->end);
}

/* A task that is not the first thread has called exit, or abort: all are told to end. */
void mn_lend_after_call(struct mn_thread *thread)
{
    struct mn_system *system = thread->system;
    if (!system->ended)
        return;
    if (mnet_self() == thread->task)
        mn_thread_end(thread);
    system->port->stop(system->port->context);
    mnet_exit(0);
}
