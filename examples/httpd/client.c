/* A client is measured by its progress, and by nothing else: it may read an answer as slowly as it
 * likes, but bytes that trickle in without making a request are none. So every wait for the client
 * checks from time to time how much it has acknowledged (`look`), and the timeout begins anew with
 * each byte. If there is no room for a new client, the one with the oldest progress goes.
 */
#include "client.h"

#include "response.h"
#include "secure.h"

#define LOOK_NS (2 * MNET_SECOND)

/* ---- Progress ---- */

static void leave(struct client *client)
{
    struct client_house *house = client->house;
    *(client->older != NULL ? &client->older->newer : &house->oldest) = client->newer;
    *(client->newer != NULL ? &client->newer->older : &house->newest) = client->older;
}

static void join(struct client *client)
{
    struct client_house *house = client->house;
    client->older = house->newest;
    client->newer = NULL;
    *(house->newest != NULL ? &house->newest->newer : &house->oldest) = client;
    house->newest = client;
}

static void note_progress(struct client *client)
{
    client->since = mnet_now();
    leave(client);
    join(client);
}

/* Notes whether more of our bytes have arrived; returns whether any still have to. */
static bool look(struct client *client)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(client->flow, &info);
    if (info.bytes_acked != client->acked) {
        client->acked = info.bytes_acked;
        note_progress(client);
    }
    return info.unacked > 0 || info.unsent > 0;
}

bool client_shed_oldest(struct client_house *house)
{
    struct client *client = house->oldest;
    if (client == NULL || mnet_now() < client->since + SHED_GRACE)
        return false;
    client->shed = true;
    mnet_cancel(client->task);
    note_progress(client); /* the next one is another one */
    return true;
}

/* Waits until the stack has memory for the answer; the client with the oldest progress is ended for
 * it. Returns MNET_E_DEADLINE, or MNET_E_CANCELLED. */
static int make_room(struct client *client)
{
    client_shed_oldest(client->house);
    int error = mnet_sleep(mnet_now() + MNET_SECOND / 10);
    return error < 0 ? error : MNET_E_DEADLINE;
}

int client_write(struct client *client, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        size_t queued = 0;
        int error = mnet_stream_write(client->stream, at, len, &queued, mnet_now() + LOOK_NS);
        at += queued;
        len -= queued;
        if (error < 0 || mnet_now() >= client->since + LOOK_NS)
            look(client);
        if (error == MNET_E_NO_MEMORY)
            error = make_room(client);
        if (error < 0 && (error != MNET_E_DEADLINE || mnet_now() >= client->since + RESPONSE_PATIENCE))
            return error;
    }
    return 0;
}

/* ---- Requests ---- */

/* Answers the requests that begin in `slice`. False: the connection is finished. */
static bool handle(struct client *client, struct mnet_slice slice)
{
    struct request *request = &client->request;
    while (slice.len > 0) {
        size_t used;
        enum request_progress progress = request_feed(request, slice.data, slice.len, &used);
        if (progress == REQUEST_INCOMPLETE) {
            client->begun = client->begun == 0 && request_begun(request) ? mnet_now() : client->begun;
            return true;
        }
        note_progress(client);
        if (response_send(client, request) < 0 || !request->keep_alive)
            return false;
        slice.data = (const char *)slice.data + used;
        slice.len -= used;
        request_init(request);
        client->begun = 0;
    }
    return true;
}

/* Until when more bytes are waited for. As long as an answer is on its way the client may be busy
 * with that. */
static uint64_t next_deadline(const struct client *client, bool delivering)
{
    if (delivering)
        return client->since + RESPONSE_PATIENCE;
    if (client->begun == 0)
        return client->since + IDLE_PATIENCE;
    uint64_t begun = client->begun > client->since ? client->begun : client->since;
    uint64_t body = client->request.in_body ? HEAD_PATIENCE + client->request.body_bytes * BODY_BYTE_PATIENCE : 0;
    return begun + HEAD_PATIENCE + body;
}

/* Waits for bytes, as mnet_stream_get does. */
static ptrdiff_t await_bytes(struct client *client, struct mnet_slice *slices, int max)
{
    for (;;) {
        bool delivering = look(client);
        uint64_t deadline = next_deadline(client, delivering);
        uint64_t next = mnet_now() + LOOK_NS;
        ptrdiff_t count = mnet_stream_get(client->stream, slices, max, delivering && next < deadline ? next : deadline);
        if (count != MNET_E_DEADLINE || mnet_now() >= deadline)
            return count;
    }
}

/* The request will not be complete any more. */
static void give_up(struct client *client, int status)
{
    request_refuse(&client->request, status);
    response_send(client, &client->request);
}

/* Reads and answers requests as long as there are any. */
static void converse(struct client *client)
{
    bool go_on = true;
    while (go_on) {
        struct mnet_slice slices[8];
        ptrdiff_t count = await_bytes(client, slices, 8);
        if (client->begun != 0 && (count == MNET_E_DEADLINE || count == 0))
            give_up(client, count == 0 ? HTTP_STATUS_BAD_REQUEST : HTTP_STATUS_REQUEST_TIMEOUT);
        go_on = count > 0;
        for (ptrdiff_t i = 0; i < count && go_on; i++)
            go_on = handle(client, slices[i]);
        mnet_stream_release(client->stream);
    }
}

/* Closing with unread data resets the connection, and the reset may overtake the answer: so first
 * let the client read it and close (RFC 9112 9.6). */
static void linger(struct client *client)
{
    char ignored[1024];
    ptrdiff_t len = 1;
    if (mnet_stream_shutdown(client->stream, MNET_SHUTDOWN_WRITE) < 0)
        return;
    while (len > 0 || len == MNET_E_DEADLINE) {
        bool delivering = look(client);
        uint64_t next = mnet_now() + LOOK_NS;
        uint64_t deadline = client->since + (delivering ? RESPONSE_PATIENCE : LINGER_PATIENCE);
        if (mnet_now() >= deadline)
            return;
        len = mnet_stream_read(client->stream, ignored, sizeof ignored, next < deadline ? next : deadline);
    }
}

void client_serve(struct client_house *house, struct mnet_flow *flow)
{
    struct client client = {
        .flow = flow, .stream = mnet_tcp_stream(flow), .task = mnet_self(), .house = house, .since = mnet_now()};
    request_init(&client.request);
    join(&client);
    if (secure_accept(&client.stream, client.since + HEAD_PATIENCE) == 0)
        converse(&client);
    if (!client.shed)
        linger(&client);
    leave(&client);
    (client.shed ? mnet_stream_abort : mnet_stream_close)(client.stream);
}
