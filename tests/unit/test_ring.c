/* Waiting through the kernel's ring: it must do what ppoll does, and write the frame that was left.
 * Where the kernel refuses a ring the tests of it are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <mnet/time.h>

#include "ports/hosted/hosted.h"
#include "ports/hosted/ring.h"

#define SHORT_NS (5 * MNET_MILLISECOND)

struct pipes {
    int in[2], out[2];
};

static int set_up(void **state)
{
    static struct pipes pipes;
    *state = &pipes;
    return pipe(pipes.in) == 0 && pipe(pipes.out) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct pipes *pipes = *state;
    mn_ring_forget(pipes->in[0]);
    mn_ring_forget(pipes->out[0]);
    for (int i = 0; i < 2; i++) {
        close(pipes->in[i]);
        close(pipes->out[i]);
    }
    return 0;
}

static uint64_t soon(void)
{
    return mn_hosted_now(NULL) + SHORT_NS;
}

/* Waits for one descriptor. Returns the events. */
static int wait_for(int fd, uint64_t deadline)
{
    struct pollfd fds = {fd, POLLIN, -1};
    if (!mn_ring_wait(&fds, 1, deadline))
        skip();
    return fds.revents;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void hear(int fd, const char *text)
{
    char heard[16];
    assert_int_equal(read(fd, heard, sizeof heard), strlen(text));
    assert_memory_equal(heard, text, strlen(text));
}

/* Leaves a text for `fd`. */
static void leave(int fd, const char *text, uint64_t *lost)
{
    uint8_t *place = mn_ring_leave(fd, strlen(text), lost);
    assert_non_null(place);
    memcpy(place, text, strlen(text));
}

static void wait_ends_at_its_deadline(void **state)
{
    const struct pipes *pipes = *state;
    uint64_t deadline = soon();
    assert_int_equal(wait_for(pipes->in[0], deadline), 0);
    assert_true(mn_hosted_now(NULL) >= deadline);
    assert_int_equal(wait_for(pipes->in[0], 0), 0); /* one that has passed */
}

/* As of poll(2): an event that was not served is told again, and one that was is not. */
static void wait_tells_what_is_ready(void **state)
{
    const struct pipes *pipes = *state;
    wait_for(-1, soon());
    say(pipes->in[1], "a");
    assert_int_equal(wait_for(pipes->in[0], MNET_NEVER), POLLIN);
    assert_int_equal(wait_for(pipes->in[0], MNET_NEVER), POLLIN);
    hear(pipes->in[0], "a");
    assert_int_equal(wait_for(pipes->in[0], soon()), 0);
    say(pipes->in[1], "b");
    assert_int_equal(wait_for(pipes->in[0], MNET_NEVER), POLLIN);
}

static void wait_tells_which_one_is_ready(void **state)
{
    const struct pipes *pipes = *state;
    wait_for(-1, soon());
    struct pollfd fds[] = {{pipes->in[0], POLLIN, 0}, {-1, POLLIN, 0}, {pipes->out[0], POLLIN, 0}};
    say(pipes->out[1], "a");
    assert_true(mn_ring_wait(fds, 3, MNET_NEVER));
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[2].revents, POLLIN);
    say(pipes->in[1], "b");
    assert_true(mn_ring_wait(fds, 2, MNET_NEVER)); /* without the one that is ready */
    assert_int_equal(fds[0].revents, POLLIN);
    fds[0].fd = pipes->out[0]; /* in another place */
    assert_true(mn_ring_wait(fds, 1, MNET_NEVER));
    assert_int_equal(fds[0].revents, POLLIN);
}

/* The number of a closed descriptor becomes that of another file. */
static void wait_follows_a_descriptor_that_was_forgotten(void **state)
{
    const struct pipes *pipes = *state;
    assert_int_equal(wait_for(pipes->in[0], soon()), 0);
    mn_ring_forget(pipes->in[0]);
    assert_int_equal(dup2(pipes->out[0], pipes->in[0]), pipes->in[0]);
    say(pipes->out[1], "a");
    int events = 0; /* what is cancelled may end a wait */
    for (int i = 0; i < 3 && events == 0; i++)
        events = wait_for(pipes->in[0], soon());
    assert_int_equal(events, POLLIN);
}

static void left_frame_is_written_by_the_wait(void **state)
{
    const struct pipes *pipes = *state;
    uint64_t lost = 0;
    wait_for(-1, soon());
    leave(pipes->in[1], "frame", &lost);
    assert_null(mn_ring_leave(pipes->in[1], 1, &lost)); /* there is one */
    assert_int_equal(wait_for(pipes->in[0], MNET_NEVER), POLLIN);
    hear(pipes->in[0], "frame");
    assert_int_equal(lost, 0);
    leave(pipes->in[1], "next", &lost);
    mn_ring_flush();
    hear(pipes->in[0], "next");
    assert_int_equal(wait_for(pipes->in[0], soon()), 0); /* it is not written twice */
    assert_int_equal(lost, 0);
}

static void left_frame_that_fails_is_counted(void **state)
{
    const struct pipes *pipes = *state;
    uint64_t lost = 0;
    wait_for(-1, soon());
    leave(pipes->in[0], "to the wrong end", &lost);
    wait_for(pipes->in[0], soon());
    assert_int_equal(lost, 1);
    leave(pipes->in[0], "again", &lost);
    mn_ring_flush();
    assert_int_equal(lost, 2);
}

/* Without a ring nothing can be left, and a frame that is there is not lost. */
static void close_writes_the_left_frame(void **state)
{
    const struct pipes *pipes = *state;
    uint64_t lost = 0;
    wait_for(-1, soon());
    leave(pipes->in[1], "last", &lost);
    mn_ring_close();
    hear(pipes->in[0], "last");
    assert_null(mn_ring_leave(pipes->in[1], 1, &lost));
    struct pollfd fds = {pipes->in[0], POLLIN, 0};
    assert_false(mn_ring_wait(&fds, 1, MNET_NEVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wait_ends_at_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wait_tells_what_is_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wait_tells_which_one_is_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wait_follows_a_descriptor_that_was_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_frame_is_written_by_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_frame_that_fails_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_writes_the_left_frame, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
