/* Step 5: a server of HTTPS. A session of TLS is read and written as a flow is. Certificate and key
 * are one text in PEM form: a file on Linux, in a machine the file of its loader.
 *
 * 05_secure-tap --net:service=tap0 --ipv4=10.0.0.2/24 server.pem
 * qemu-system-x86_64 ... -kernel 05_secure-virtio -initrd server.pem -append --dhcp
 */
#include <mnet/mnet.h>
#include <mnet/tls.h>
#include <string.h>

#define PATIENCE (10 * MNET_SECOND)

struct secure_server {
    struct mnet_env *env;
    struct mnet_stack *stack;
    struct mnet_tls_context *context;
};

/* Reads up to the empty line of a request, and answers. */
static int answer(struct mnet_tls *tls, uint64_t deadline)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsecret\n";
    char request[2048] = "";
    size_t len = 0;
    while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1) {
        ptrdiff_t got = mnet_tls_read(tls, request + len, sizeof request - 1 - len, deadline);
        if (got <= 0)
            return (int)got;
        len += (size_t)got;
        request[len] = '\0';
    }
    return mnet_tls_write(tls, text, sizeof text - 1, NULL, deadline);
}

/* One client after the other. */
static int serve(struct secure_server *server)
{
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    struct mnet_tls *tls;
    int error = mnet_tcp_listen(server->stack, 443, NULL, &listener);
    if (error == 0)
        mnet_print(server->env, "serving HTTPS\n");
    while (error == 0 && (error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        uint64_t deadline = mnet_now() + PATIENCE; /* for all of it: others wait */
        int fault = mnet_tls_accept(server->context, mnet_tcp_stream(flow), &tls, deadline);
        if (fault < 0) {
            mnet_print(server->env, "%s: %s\n", mnet_tls_strerror(fault), mnet_tls_reason(server->context));
            mnet_tcp_close(flow);
            continue;
        }
        answer(tls, deadline);
        mnet_tls_close(tls);
    }
    return error;
}

/* ---- Without a C library these are the stack's ---- */

static void *allocate(void *server, size_t size)
{
    return mnet_alloc(((struct secure_server *)server)->env, size);
}

static void release(void *server, void *memory)
{
    mnet_free(((struct secure_server *)server)->env, memory);
}

static void draw(void *server, void *bytes, size_t len)
{
    mnet_stack_random(((struct secure_server *)server)->stack, bytes, len);
}

const struct mnet_program mnet_program = {.arguments = "[FILE]", .summary = "A web server with one page, by HTTPS."};

int mnet_main(struct mnet_env *env)
{
    static struct secure_server server;
    struct mnet_tls_options options = {.allocate = allocate, .release = release, .random = draw, .argument = &server};
    size_t len;
    const void *module = mnet_env_module(env, &len);
    struct mnet_tls_source source = mnet_tls_memory(module, len);
    if (mnet_env_argc(env) == 2)
        source = mnet_tls_file(mnet_env_argv(env)[1]);
    else if (module == NULL)
        return mnet_env_usage(env);
    server.env = env;
    int error = mnet_stack_up(env, NULL, &server.stack);
    if (error == 0)
        error = mnet_tls_context_create(&options, &server.context);
    if (error == 0 && (error = mnet_tls_add_identity(server.context, source, source)) < 0) {
        mnet_print(env, "%s: %s\n", mnet_tls_strerror(error), mnet_tls_reason(server.context));
        error = 1;
    }
    if (error == 0)
        error = serve(&server);
    mnet_tls_context_free(server.context);
    return error;
}
