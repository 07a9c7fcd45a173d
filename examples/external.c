/* A stack inside a program with an event loop of its own: no tasks, no mnet_main. The program
 * supplies the device, clock, entropy and memory, calls mnet_stack_poll when the descriptor is
 * readable or the deadline has come, and uses every call with deadline 0.
 *
 * external tap0 10.0.0.2/24 and on Linux: nc 10.0.0.2 9000 (it answers up to 64 clients with what
 * they say)
 */
#include <mnet/mnet.h>
#include <mnet/tap.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define CLIENTS 64
#define MEMORY_BYTES (64u << 20)

static uint64_t clock_now(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec;
}

static bool entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    return getrandom(buffer, len, 0) == (ssize_t)len;
}

/* Echoes while both directions are ready: a client that does not read its answers is not read from
 * either, so that little more than the send buffer is queued for it. False when the connection is
 * finished. */
static bool serve(struct mnet_flow *flow)
{
    while ((mnet_tcp_ready(flow) & MNET_WRITABLE) && (mnet_tcp_ready(flow) & MNET_READABLE)) {
        char buffer[4096];
        ptrdiff_t len = mnet_tcp_read(flow, buffer, sizeof buffer, 0);
        if (len == 0 || (len < 0 && len != MNET_E_DEADLINE))
            return false;
        if (len > 0 && mnet_tcp_write_now(flow, buffer, (size_t)len) < 0)
            return false;
    }
    return true;
}

static void serve_all(struct mnet_listener *listener, struct mnet_flow *clients[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i] == NULL && mnet_tcp_accept(listener, &clients[i], 0) < 0)
            continue;
        if (!serve(clients[i])) {
            mnet_tcp_close(clients[i]);
            clients[i] = NULL;
        }
    }
}

static void run(struct mnet_stack *stack, struct mnet_listener *listener)
{
    static struct mnet_flow *clients[CLIENTS];
    for (;;) {
        bool busy = mnet_stack_poll(stack, clock_now(NULL));
        serve_all(listener, clients);
        uint64_t now = clock_now(NULL);
        uint64_t deadline = busy ? now : mnet_stack_deadline(stack);
        uint64_t left_ms = deadline > now ? (deadline - now + MNET_MILLISECOND - 1) / MNET_MILLISECOND : 0;
        struct pollfd readable = {mnet_stack_fd(stack), POLLIN, 0};
        poll(&readable, 1, left_ms > 60000 ? 60000 : (int)left_ms);
    }
}

static const char usage[] = "usage: external TAP ADDRESS/LENGTH";

/* Answers --help and --version; false: the program was not asked. */
static bool asked(const char *argument)
{
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        printf("%s\nSends back what clients say on port 9000.\n", usage);
    } else if (strcmp(argument, "--version") == 0) {
        printf("external (mnet " MNET_VERSION ")\n");
    } else {
        return false;
    }
    return true;
}

/* Besides, the stack has a link-local address of IPv6. */
static bool set_address(struct mnet_config *config, const char *text)
{
    struct mnet_prefix own;
    if (mnet_prefix_parse(text, &own) < 0)
        return false;
    *(mnet_address_is_ipv4(own.address) ? &config->ip.ipv4 : &config->ip.ipv6) = own;
    return true;
}

int main(int argc, char **argv)
{
    if (argc == 2 && asked(argv[1]))
        return 0;
    char why[128];
    strcpy(why, usage);
    struct mnet_config config = {.platform = {.now = clock_now, .entropy = entropy}, .memory_size = MEMORY_BYTES};
    config.memory = malloc(MEMORY_BYTES);
    if (argc != 3 || config.memory == NULL || !set_address(&config, argv[2]) ||
        mnet_tap_open(argv[1], NULL, &config.device, why, sizeof why) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    int error = mnet_stack_open(&config, &stack);
    error = error == 0 ? mnet_tcp_listen(stack, 9000, NULL, &listener) : error;
    if (error < 0) {
        fprintf(stderr, "%s\n", mnet_strerror(error));
        return 1;
    }
    run(stack, listener);
}
