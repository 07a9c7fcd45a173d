/* A child process of a test that is expected to end with a report on its error output. */
#ifndef MN_TEST_CHILD_H
#define MN_TEST_CHILD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads everything that the child writes into the pipe, and waits for its end. Returns its wait
 * status. An emulator's own line about the signal that ended the child is not part of the text. */
static inline int hear_child(pid_t child, const int ends[2], char *text, size_t size)
{
    close(ends[1]);
    size_t len = 0;
    ssize_t got;
    while (len + 1 < size && (got = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(ends[0]);
    char *emulator = strstr(text, "qemu: uncaught target signal");
    if (emulator != NULL)
        *emulator = '\0';
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Runs `run` in a process of its own. Returns NULL if that ends by the assertion whose text
 * contains `assertion`, and otherwise its output. The result is static. */
static inline const char *find_assertion(void (*run)(void *argument), void *argument, const char *assertion)
{
    static char text[4096];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* not cmocka's */
        dup2(ends[1], STDERR_FILENO);
        run(argument);
        _exit(0);
    }
    int status = hear_child(child, ends, text, sizeof text);
    bool found = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, assertion) != NULL;
    return found ? NULL : text;
}

#endif
