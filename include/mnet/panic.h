/* The end of a program that cannot go on.
 *
 * The cause is a bug of mnet's own, or a misused call whose misuse has no error code: a closed
 * handle, or a task that leaves its stack while others need it. Every port has a mnet_panic. It
 * prints one line, such as
 *
 *     mnet: mnet_tcp_read: the flow is NULL (task "client", src/stack/tcp_calls.c:288)
 *
 * and ends the program. libmnet alone has one, too. It knows no console, so it only stops, with a
 * trap instruction. A program without a port, with an event loop of its own, may define mnet_panic;
 * its definition replaces that of libmnet.
 */
#ifndef MNET_PANIC_H
#define MNET_PANIC_H

#pragma GCC visibility push(default)

/* Reports `text` and ends the program. `text` is one line without newline. It names the call and
 * the misuse, or begins with "failed: " if mnet itself is wrong. `file` and `line` are the place in
 * mnet's source. Must not return, wait, or call mnet, except mnet_self and mnet_task_name, which
 * tell the task. */
__attribute__((noreturn)) void mnet_panic(const char *file, int line, const char *text);

#pragma GCC visibility pop

#endif
