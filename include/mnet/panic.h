/* The end of a program that cannot go on: a bug of mnet's own, or a call that was used wrongly in a way that has no error
 * code (a closed handle, a task that leaves its stack while others need it).
 *
 * Every port has a mnet_panic, which prints one line, such as
 *
 *     mnet: mnet_tcp_read: the flow is NULL (task "client", src/stack/tcp_calls.c:288)
 *
 * and ends the program. libmnet alone has one, too, which can only stop (a trap instruction), because it knows no
 * console. A program without a port, with its own event loop, defines its own, and that takes the place of libmnet's.
 */
#ifndef MNET_PANIC_H
#define MNET_PANIC_H

#pragma GCC visibility push(default)

/* Reports `text`, one line without newline, which names the call and the misuse, or begins with "failed: " where mnet itself
 * is wrong; `file` and `line` are the place in mnet's source. Must not return, wait, or call mnet, but mnet_self and
 * mnet_task_name tell the task. */
_Noreturn void mnet_panic(const char *file, int line, const char *text);

#pragma GCC visibility pop

#endif
