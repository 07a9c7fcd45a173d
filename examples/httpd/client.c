/* A client is measured by its progress, and by nothing else: it may read an answer as slowly as it
 * likes, but bytes that trickle in without making a request are none. So every wait for the client
 * checks from time to time how much it has acknowledged (`look`), and the timeout begins anew with
 * each byte. If there is no room for a new client, the one with the oldest progress goes.
 */
#include "client.h"

#include "http1.h"
#include "http2.h"
#include "secure.h"

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

void client_note_progress(struct client *client)
{
    client->since = mnet_now();
    leave(client);
    join(client);
}

bool client_look(struct client *client)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(client->flow, &info);
    if (info.bytes_acked != client->acked) {
        if (client->acked < client->worth)
            client_note_progress(client);
        client->acked = info.bytes_acked;
    }
    return info.unacked > 0 || info.unsent > 0;
}

void client_note_worth(struct client *client)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(client->flow, &info);
    client->worth = info.bytes_acked + info.unacked + info.unsent;
}

bool client_shed_oldest(struct client_house *house)
{
    struct client *client = house->oldest;
    if (client == NULL || mnet_now() < client->since + SHED_GRACE)
        return false;
    client->shed = true;
    mnet_cancel(client->task);
    client_note_progress(client); /* the next one is another one */
    return true;
}

int client_make_room(struct client *client)
{
    client_shed_oldest(client->house);
    int error = mnet_sleep(mnet_now() + MNET_SECOND / 10);
    return error < 0 ? error : MNET_E_DEADLINE;
}

/* ---- From beginning to end ---- */

/* Closing with unread data resets the connection, and the reset may overtake the answer: so first
 * let the client read it and close (RFC 9112 9.6). */
static void linger(struct client *client)
{
    char ignored[1024];
    ptrdiff_t len = 1;
    if (mnet_stream_shutdown(client->stream, MNET_SHUTDOWN_WRITE) < 0)
        return;
    while (len > 0 || len == MNET_E_DEADLINE) {
        bool delivering = client_look(client);
        uint64_t next = mnet_now() + LOOK_NS;
        uint64_t deadline = client->since + (delivering ? RESPONSE_PATIENCE : LINGER_PATIENCE);
        if (mnet_now() >= deadline)
            return;
        len = mnet_stream_read(client->stream, ignored, sizeof ignored, next < deadline ? next : deadline);
    }
}

void client_serve(struct client_house *house, struct mnet_flow *flow)
{
    struct client client = {.flow = flow, .stream = mnet_tcp_stream(flow), .task = mnet_self(), .house = house};
    client.since = mnet_now();
    client.worth = UINT64_MAX;
    join(&client);
    bool two = false;
    if (secure_accept(&client.stream, client.since + HEAD_PATIENCE, &two) == 0)
        two ? http2_serve(&client, (struct mnet_slice){NULL, 0}) : http1_serve(&client);
    if (!client.shed)
        linger(&client);
    leave(&client);
    (client.shed ? mnet_stream_abort : mnet_stream_close)(client.stream);
}
