/* A web server of libevent, which tells its clients their path. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>

static void answer(struct evhttp_request *request, void *context)
{
    struct evbuffer *text = evbuffer_new();
    (void)context;
    evbuffer_add_printf(text, "you asked for %s\n", evhttp_request_get_uri(request));
    evhttp_send_reply(request, 200, "OK", text);
    evbuffer_free(text);
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct evhttp *server = evhttp_new(base);
    evhttp_set_gencb(server, answer, NULL);
    if (evhttp_bind_socket(server, "0.0.0.0", 80) < 0)
        return 1;
    printf("listening, by %s\n", event_base_get_method(base));
    return event_base_dispatch(base);
}
