/* Accepting connections by descriptors, in virtual time: listeners that share a port, connections
 * that are reset meanwhile, and tables without room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/socket_tables.h"

static char bytes[16];

/* Accepts what waits at two listeners. Returns how many connections that were. */
static int accept_from_both(const struct tables *n, int first, int second)
{
    int count = 0, fd;
    sleep_ms(10);
    while ((fd = mnet_socket_accept4(n->server, first, NULL, NULL, 0)) >= 0 ||
           (fd = mnet_socket_accept4(n->server, second, NULL, NULL, 0)) >= 0) {
        count++;
        mnet_socket_close(n->server, fd);
    }
    return fd == -MNET_EAGAIN ? count : fd;
}

static int connect_to_port(struct world *w, const struct tables *n, uint16_t port)
{
    struct mnet_sockaddr_in6 there = address_of(w->server_address, port);
    int fd = mnet_socket_open(n->client, MNET_AF_INET6, MNET_SOCK_STREAM, 0);
    int error = mnet_socket_connect(n->client, fd, &there, sizeof there);
    return error == 0 ? fd : error;
}

static int shared_listeners(struct world *w)
{
    struct tables n;
    CHECK_EQUAL(open_tables(w, &n), 0);
    int first = open_shared(n.server, 81), second = open_shared(n.server, 81);
    CHECK(first >= 3 && second >= 3);
    int alone = mnet_socket_open(n.server, MNET_AF_INET6, MNET_SOCK_STREAM, 0);
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, 81);
    CHECK_EQUAL(mnet_socket_bind(n.server, alone, &here, sizeof here), -MNET_EADDRINUSE);
    CHECK_EQUAL(connect_to_port(w, &n, 81), -MNET_ECONNREFUSED); /* none listens yet */
    CHECK_EQUAL(mnet_socket_listen(n.server, first, 8), 0);
    CHECK_EQUAL(mnet_socket_accept4(n.server, second, NULL, NULL, 0), -MNET_EINVAL);
    CHECK_EQUAL(mnet_socket_listen(n.server, second, 8), 0);
    for (int i = 0; i < 6; i++)
        CHECK(connect_to_port(w, &n, 81) >= 3);
    CHECK_EQUAL(accept_from_both(&n, first, second), 6);
    /* What waits when one closes is the other's. */
    for (int i = 0; i < 4; i++)
        CHECK(connect_to_port(w, &n, 81) >= 3);
    CHECK_EQUAL(mnet_socket_close(n.server, first), 0);
    CHECK(connect_to_port(w, &n, 81) >= 3);
    CHECK_EQUAL(accept_from_both(&n, second, second), 5);
    /* A port that is only reserved refuses, and can be listened on again. */
    int third = open_shared(n.server, 81);
    CHECK_EQUAL(mnet_socket_close(n.server, second), 0);
    CHECK_EQUAL(connect_to_port(w, &n, 81), -MNET_ECONNREFUSED);
    CHECK_EQUAL(mnet_socket_listen(n.server, third, 8), 0);
    CHECK(connect_to_port(w, &n, 81) >= 3);
    CHECK_EQUAL(accept_from_both(&n, third, third), 1);
    CHECK_EQUAL(mnet_socket_close(n.server, third), 0);
    CHECK_EQUAL(mnet_socket_bind(n.server, alone, &here, sizeof here), 0);
    return close_tables(w, &n);
}

static void listeners_share_a_port(void **state)
{
    (void)state;
    world_run_both(shared_listeners, NULL);
}

static int accept_job(void *argument)
{
    struct waiting_call *job = argument;
    job->result = mnet_socket_accept4(job->n->server, job->fd, NULL, NULL, 0);
    job->ended = mnet_now();
    return 0;
}

/* A connection belongs to one of two listeners: if poll tells it of one, accept there returns it,
 * whatever is done with the other. */
static int owned_connections(struct world *w)
{
    struct tables n;
    struct mnet_task *tasks[2];
    CHECK_EQUAL(open_tables(w, &n), 0);
    int fds[2] = {open_shared(n.server, 81), open_shared(n.server, 81)};
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(mnet_socket_listen(n.server, fds[i], 8), 0);
        CHECK_EQUAL(mnet_socket_set_nonblocking(n.server, fds[i], 0), 0);
    }
    struct mnet_pollfd told[2] = {{fds[0], MNET_POLLIN, 0}, {fds[1], MNET_POLLIN, 0}};
    for (int i = 1; i <= 2; i++) { /* in turn */
        CHECK(connect_to_port(w, &n, 81) >= 3);
        sleep_ms(10);
        CHECK_EQUAL(mnet_socket_poll(n.server, told, 2, 0), i);
    }
    CHECK(told[0].revents == MNET_POLLIN && told[1].revents == MNET_POLLIN);
    CHECK(mnet_socket_accept4(n.server, fds[1], NULL, NULL, 0) >= 3);
    CHECK(mnet_socket_poll(n.server, told, 2, 0) == 1 && told[0].revents == MNET_POLLIN);
    CHECK(mnet_socket_accept4(n.server, fds[0], NULL, NULL, 0) >= 3);
    CHECK_EQUAL(mnet_socket_poll(n.server, told, 2, 0), 0);
    /* A task waits in accept of each, and both get one. */
    struct waiting_call jobs[2] = {{.n = &n, .fd = fds[0]}, {.n = &n, .fd = fds[1]}};
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_spawn(&tasks[i], accept_job, &jobs[i]), 0);
    for (int i = 0; i < 2; i++)
        CHECK(connect_to_port(w, &n, 81) >= 3);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(mnet_join(tasks[i], NULL, in_ms(100)), 0);
        CHECK(jobs[i].result >= 3);
    }
    /* So does one that waits when the other listener is closed. */
    CHECK(connect_to_port(w, &n, 81) >= 3 && connect_to_port(w, &n, 81) >= 3);
    sleep_ms(10);
    CHECK_EQUAL(mnet_socket_poll(n.server, told, 2, 0), 2);
    CHECK(mnet_socket_accept4(n.server, fds[0], NULL, NULL, 0) >= 3);
    CHECK_EQUAL(mnet_spawn(&tasks[0], accept_job, &jobs[0]), 0);
    sleep_ms(1);
    CHECK_EQUAL(mnet_socket_close(n.server, fds[1]), 0);
    CHECK_EQUAL(mnet_join(tasks[0], NULL, in_ms(100)), 0);
    CHECK(jobs[0].result >= 3);
    /* What nobody has accepted is reset with the last one. */
    int left = connect_to_port(w, &n, 81);
    CHECK_EQUAL(mnet_socket_poll(n.server, told, 1, in_ms(50)), 1);
    CHECK_EQUAL(mnet_socket_close(n.server, fds[0]), 0);
    CHECK_EQUAL(mnet_socket_recv(n.client, left, bytes, 1, 0), -MNET_ECONNRESET);
    return close_tables(w, &n);
}

static void shared_listeners_own_their_connections(void **state)
{
    (void)state;
    world_run_both(owned_connections, NULL);
}

/* A task that waits in accept stays with its socket if that listens again, on a port of its own. */
static int alone_again(struct world *w)
{
    struct tables n;
    struct mnet_task *task;
    CHECK_EQUAL(open_tables(w, &n), 0);
    struct waiting_call job = {.n = &n, .fd = open_shared(n.server, 81)};
    CHECK_EQUAL(mnet_socket_set_nonblocking(n.server, job.fd, 0), 0);
    CHECK_EQUAL(mnet_socket_listen(n.server, job.fd, 8), 0);
    CHECK_EQUAL(mnet_spawn(&task, accept_job, &job), 0);
    sleep_ms(1);
    CHECK_EQUAL(set_number(n.server, job.fd, MNET_SOL_SOCKET, MNET_SO_REUSEPORT, 0), 0);
    CHECK_EQUAL(mnet_socket_shutdown(n.server, job.fd, MNET_SHUT_RD), 0);
    CHECK_EQUAL(mnet_socket_listen(n.server, job.fd, 8), 0);
    CHECK(connect_to_port(w, &n, 81) >= 3);
    CHECK_EQUAL(mnet_join(task, NULL, in_ms(100)), 0);
    CHECK(job.result >= 3);
    return close_tables(w, &n);
}

static void waiting_accept_stays_with_its_socket(void **state)
{
    (void)state;
    world_run_both(alone_again, NULL);
}

/* As Linux has it: accept returns a connection that the peer has reset, and reading says so. */
static int reset_in_the_queue(struct world *w)
{
    struct tables n;
    struct mnet_linger at_once = {1, 0};
    CHECK_EQUAL(open_net(w, &n), 0);
    struct mnet_pollfd told = {n.listener, MNET_POLLIN, 0};
    CHECK_EQUAL(set_number(n.server, n.listener, MNET_SOL_SOCKET, MNET_SO_KEEPALIVE, 1), 0);
    CHECK_EQUAL(set_number(n.server, n.listener, MNET_IPPROTO_TCP, MNET_TCP_USER_TIMEOUT, 1000), 0);
    int fd = connect_to_port(w, &n, 80);
    CHECK_EQUAL(mnet_socket_poll(n.server, &told, 1, in_ms(50)), 1);
    CHECK_EQUAL(mnet_socket_setsockopt(n.client, fd, MNET_SOL_SOCKET, MNET_SO_LINGER, &at_once, sizeof at_once), 0);
    CHECK_EQUAL(mnet_socket_close(n.client, fd), 0);
    sleep_ms(10);
    CHECK_EQUAL(mnet_socket_poll(n.server, &told, 1, 0), 1);
    fd = mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0);
    CHECK(fd >= 3);
    sleep_ms(2000);
    CHECK_EQUAL(mnet_socket_recv(n.server, fd, bytes, 1, 0), -MNET_ECONNRESET);
    CHECK_EQUAL(mnet_socket_recv(n.server, fd, bytes, 1, 0), 0);
    CHECK_EQUAL(mnet_socket_poll(n.server, &told, 1, 0), 0);
    return close_tables(w, &n);
}

static void connection_reset_in_the_queue_is_accepted(void **state)
{
    (void)state;
    world_run_both(reset_in_the_queue, NULL);
}

/* The server has one descriptor besides that of its listener. */
static int open_with_one_place(struct world *w, struct tables *n)
{
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, 80);
    taken = 0;
    CHECK_EQUAL(mnet_sockets_open(w->server, &memory, 3, 2, &n->server), 0);
    CHECK_EQUAL(mnet_sockets_open(w->client, &memory, 3, 100, &n->client), 0);
    n->listener = mnet_socket_open(n->server, MNET_AF_INET6, MNET_SOCK_STREAM, 0);
    CHECK_EQUAL(mnet_socket_bind(n->server, n->listener, &here, sizeof here), 0);
    CHECK_EQUAL(mnet_socket_listen(n->server, n->listener, 8), 0);
    return 0;
}

/* Without a free descriptor a connection keeps its place. */
static int accept_without_room(struct world *w)
{
    struct tables n;
    CHECK_EQUAL(open_with_one_place(w, &n), 0);
    int other = mnet_socket_epoll_create(n.server);
    CHECK(other >= 3);
    CHECK_EQUAL(mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0), -MNET_EMFILE);
    int fd = connect_to_port(w, &n, 80);
    sleep_ms(10);
    CHECK_EQUAL(mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0), -MNET_EMFILE);
    CHECK_EQUAL(mnet_socket_close(n.server, other), 0);
    CHECK_EQUAL(mnet_socket_send(n.client, fd, "late", 4, 0), 4);
    fd = mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0);
    CHECK(fd >= 3);
    CHECK_EQUAL(mnet_socket_recv(n.server, fd, bytes, 10, 0), 4);
    return close_tables(w, &n);
}

static void connection_waits_for_a_descriptor(void **state)
{
    (void)state;
    world_run_both(accept_without_room, NULL);
}

/* Nor does one lose it to another task that waits in accept, and gets the last descriptor. */
static int two_for_one_place(struct world *w)
{
    struct tables n;
    struct mnet_task *tasks[2];
    CHECK_EQUAL(open_with_one_place(w, &n), 0);
    struct waiting_call jobs[2] = {{.n = &n, .fd = n.listener}, {.n = &n, .fd = n.listener}};
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_spawn(&tasks[i], accept_job, &jobs[i]), 0);
    sleep_ms(1);
    CHECK(connect_to_port(w, &n, 80) >= 3);
    int second = connect_to_port(w, &n, 80);
    CHECK_EQUAL(mnet_socket_send(n.client, second, "late", 4, 0), 4);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_join(tasks[i], NULL, in_ms(100)), 0);
    CHECK_EQUAL(jobs[0].result, 4);
    CHECK_EQUAL(jobs[1].result, -MNET_EMFILE);
    struct mnet_pollfd told = {n.listener, MNET_POLLIN, 0};
    CHECK_EQUAL(mnet_socket_poll(n.server, &told, 1, 0), 1);
    CHECK_EQUAL(mnet_socket_close(n.server, 4), 0);
    CHECK_EQUAL(mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0), 4);
    CHECK_EQUAL(mnet_socket_recv(n.server, 4, bytes, 10, 0), 4);
    CHECK_EQUAL(mnet_socket_poll(n.server, &told, 1, 0), 0);
    return close_tables(w, &n);
}

static void connection_is_not_lost_with_the_last_descriptor(void **state)
{
    (void)state;
    world_run_both(two_for_one_place, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_share_a_port),
        cmocka_unit_test(shared_listeners_own_their_connections),
        cmocka_unit_test(waiting_accept_stays_with_its_socket),
        cmocka_unit_test(connection_reset_in_the_queue_is_accepted),
        cmocka_unit_test(connection_waits_for_a_descriptor),
        cmocka_unit_test(connection_is_not_lost_with_the_last_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
