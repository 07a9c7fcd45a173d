/* The program as a whole: its beginning and its end. */
#include "syscall/system.h"

#include <string.h>

#include <mnet/format.h>
#include <mnet/stack.h>

#include "socket/socket.h"
#include "syscall/open.h"

/* The stack of the first thread: a part of the memory. */
#define STACK_PART 16u
#define STACK_LEAST ((size_t)128 * 1024)
#define STACK_MOST ((size_t)1024 * 1024)

void mn_system_say(struct mn_system *system, const char *format, ...)
{
    char line[240];
    va_list arguments;
    size_t len = mnet_format(line, sizeof line, "%s: ", system->program);
    va_start(arguments, format);
    len += mnet_format_list(line + len, sizeof line - len - 1, format, arguments);
    va_end(arguments);
    len = MN_MIN(len, sizeof line - 2);
    MN_DEBUG_ASSERT(len > 0);
    line[len] = '\n';
    system->port->print(system->port->context, line, len + 1);
}

void mn_system_random(struct mn_system *system, void *bytes, size_t len)
{
    system->port->random(system->port->context, bytes, len);
}

uint64_t mn_system_wall(const struct mn_system *system)
{
    uint64_t wall = system->stack != NULL ? mnet_wall_clock(system->stack) : 0;
    if (system->port->wall != NULL)
        wall = system->port->wall(system->port->context);
    return wall != 0 ? wall : mn_system_now(system);
}

void mn_system_end(struct mn_system *system, int status)
{
    MN_DEBUG_ASSERT(status >= 0 && status <= 255);
    if (!system->ended)
        system->status = status;
    system->ended_itself |= !system->ended;
    system->ended = true;
    mn_wake_all(&system->starter);
}

/* ---- Coming up ---- */

static int make_device(struct mn_system *system, const char *path, const struct mn_open_ops *ops)
{
    struct mn_place place;
    struct mn_inode *inode;
    int error = mn_tree_walk(&system->tree, system->tree.root, path, true, &place);
    if (error == 0 && place.inode == NULL)
        error = mn_tree_make(&system->tree, &place, ops->mode, &inode);
    if (error == 0 && place.inode == NULL)
        inode->device = ops;
    return error;
}

static int make_folder(struct mn_system *system, const char *path)
{
    struct mn_place place;
    struct mn_inode *inode;
    int error = mn_tree_walk(&system->tree, system->tree.root, path, true, &place);
    return error < 0 || place.inode != NULL ? error : mn_tree_make(&system->tree, &place, MN_S_IFDIR | 0777, &inode);
}

/* A file of constant text, unless the archive has one of that name. */
static int make_text(struct mn_system *system, const char *path, const char *text)
{
    struct mn_place place;
    int error = mn_tree_walk(&system->tree, system->tree.root, path, true, &place);
    if (error < 0 || place.inode != NULL)
        return error;
    error = mn_tree_make(&system->tree, &place, MN_S_IFREG | 0644, &place.inode);
    if (error < 0)
        return error;
    MN_DEBUG_ASSERT(place.inode->room == 0);
    /* It is copied before it is written to, as an archive's is. */
    place.inode->data = (char *)(uintptr_t)text;
    place.inode->size = strlen(text);
    return 0;
}

/* Those that programs read about users, hosts and ports. */
static int make_texts(struct mn_system *system)
{
    static const char *const texts[][2] = {
        {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
        {"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
        {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
        {"/etc/services", "domain 53/tcp\ndomain 53/udp\nhttp 80/tcp\nntp 123/udp\nhttps 443/tcp\n"},
    };
    int error = 0;
    for (size_t i = 0; error == 0 && i < MN_COUNT_OF(texts); i++)
        error = make_text(system, texts[i][0], texts[i][1]);
    return error;
}

/* The files of the archive, and those that programs expect. */
static int make_files(struct mn_system *system, const struct mn_program *program)
{
    static const struct {
        const char *path;
        const struct mn_open_ops *ops;
    } devices[] = {{"/dev/null", &mn_null_ops},      {"/dev/zero", &mn_zero_ops},       {"/dev/random", &mn_random_ops},
                   {"/dev/urandom", &mn_random_ops}, {"/dev/console", &mn_console_ops}, {"/dev/tty", &mn_console_ops}};
    static const char *const folders[] = {
        "/dev",  "/etc", "/proc", "/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/sys/vm",
        "/root", "/run", "/tmp",  "/var",       "/var/log",  "/var/run",         "/var/tmp",
    };
    int error = mn_tree_init(&system->tree, &system->objects);
    if (error < 0)
        return error;
    system->folder = system->tree.root;
    system->folder->references++;
    if (program->archive_size > 0)
        error = mn_archive_unpack(&system->tree, program->archive, program->archive_size);
    for (size_t i = 0; error == 0 && i < MN_COUNT_OF(folders); i++)
        error = make_folder(system, folders[i]);
    for (size_t i = 0; error == 0 && i < MN_COUNT_OF(devices); i++)
        error = make_device(system, devices[i].path, devices[i].ops);
    if (error == 0)
        error = mn_generated_each(system, make_device);
    return error == 0 ? make_texts(system) : error;
}

/* Descriptors 0 to 2 are the console. */
static int make_descriptors(struct mn_system *system)
{
    const struct mnet_socket_memory memory = {mn_object_alloc, mn_object_free, &system->objects};
    int error = mn_sockets_make(system->stack, &memory, 0, MN_DESCRIPTORS, &system->descriptors);
    if (error < 0)
        return error;
    struct mn_open *console = mn_open_new(system, &mn_console_ops, NULL, 2);
    if (console == NULL)
        return -MNET_ENOMEM;
    (void)mn_open_install(console);
    (void)mnet_socket_dup(system->descriptors, 0);
    (void)mnet_socket_dup(system->descriptors, 0);
    return 0;
}

/* The first thread, with its stack above a page that cannot be reached. */
static int make_first_thread(struct mn_system *system, const struct mn_program *program)
{
    size_t size = MN_MIN(MN_MAX(program->memory_size / STACK_PART, STACK_LEAST), STACK_MOST) & ~(MN_SYSTEM_PAGE - 1);
    char *stack = mn_arena_take(&system->arena, size / MN_SYSTEM_PAGE);
    struct mn_thread *thread = stack != NULL ? mn_thread_new(system) : NULL;
    if (thread == NULL || !system->port->protect(system->port->context, stack, MN_SYSTEM_PAGE, false, false))
        return -MNET_ENOMEM;
    uint64_t pointer = mn_stack_layout(system, program, stack + MN_SYSTEM_PAGE, stack + size);
    if (pointer == 0)
        return -MNET_ENOMEM;
    MN_DEBUG_ASSERT(pointer % 16 == 0 && pointer < (uintptr_t)(stack + size));
    system->stack_size = size - MN_SYSTEM_PAGE;
    system->port->set_registers(system->port->context, thread, program->entry, pointer);
    system->first_start.thread = thread;
    system->to_start = &system->first_start;
    return 0;
}

static int begin(struct mn_system *system, const struct mn_program *program)
{
    *system = (struct mn_system){.port = program->port, .stack = program->stack, .umask = 022};
    mnet_format(system->program, sizeof system->program, "%s", program->arguments[0]);
    if (!mn_arena_init(&system->arena, program->memory, program->memory_size))
        return -MNET_ENOMEM;
    system->objects.arena = &system->arena;
    system->trace = program->trace;
    system->lending.lends = program->run != NULL;
    int error = make_files(system, program);
    if (error == 0)
        error = make_descriptors(system);
    return error == 0 ? make_first_thread(system, program) : error;
}

/* ---- Running ---- */

static int run_thread(void *argument)
{
    struct mn_thread *thread = argument;
    MN_DEBUG_ASSERT(thread->task == NULL && mn_list_linked(&thread->link));
    thread->task = mnet_self();
    mnet_task_set_name(thread->task, thread->name);
    thread->system->port->enter(thread->system->port->context, thread);
    return 0; /* not reached */
}

/* Starts the thread that is asked for, if there is one. */
static void start_thread(struct mn_system *system)
{
    struct mn_start *start = system->to_start;
    system->to_start = NULL;
    if (start == NULL)
        return;
    start->error = mnet_group_spawn(&system->tasks, run_thread, start->thread);
    mn_wake_all(&start->waiters);
}

/* Without memory for the task, the console is at its end. */
static void start_console(struct mn_system *system)
{
    if (!system->console.is_to_start)
        return;
    system->console.is_to_start = false;
    if (mnet_group_spawn(&system->tasks, mn_console_read_ahead, system) < 0)
        system->console.at_end = true;
}

/* The program ends, unless it has a handler for that: then it ends the second time. */
static void take_cancel(struct mn_system *system)
{
    if (!system->cancelled && mn_signal_told_to_end(system))
        (void)mn_take_cancel();
    else
        system->ended = true;
    system->cancelled = true;
}

/* Starts the threads that are asked for, and lets timers fire, until the program ends. */
static void start_threads(struct mn_system *system)
{
    while (!system->ended) {
        start_thread(system);
        start_console(system);
        while (mnet_group_reap(&system->tasks, NULL)) {
        }
        if (system->first_start.error < 0)
            return;
        uint64_t next = mn_program_timers_run(system);
        if (system->to_start == NULL && !system->console.is_to_start && !system->ended &&
            mn_wait(&system->starter, next) == MNET_E_CANCELLED)
            take_cancel(system);
    }
}

int mn_system_run(struct mn_system *system, const struct mn_program *program)
{
    int error = begin(system, program);
    if (error < 0) {
        bool memory = error == -MNET_ENOMEM || error == -MN_ENOSPC;
        mn_system_say(system, memory ? "there is too little memory for the program" : "its files are no tar archive");
        return 1;
    }
    if (program->run != NULL)
        start_thread(system);
    else
        start_threads(system);
    if (system->first_start.error < 0)
        return system->first_start.error;
    if (program->run != NULL)
        mn_lend_to_tasks(system, program->run);
    mnet_group_cancel(&system->tasks);
    (void)mnet_group_join(&system->tasks, MNET_NEVER);
    mnet_sockets_close(system->descriptors);
    if (program->run != NULL)
        return system->lending.result;
    return system->cancelled && !system->ended_itself ? MNET_E_CANCELLED : system->status;
}
