/* The blocking calls of mnet/udp.h. */
#include <mnet/tcp.h>
#include <mnet/udp.h>

#include "stack/source.h"
#include "stack/stack.h"
#include "stack/zone.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

static bool options_ok(const struct mnet_stack *stack, const struct mnet_udp_options *options)
{
    bool connected = !mn_address_is_any(&options->remote.address) || options->remote.port != 0;
    if (connected && (options->remote.port == 0 || !mn_stack_remote_ok(stack, options->remote.address)))
        return false;
    return options->dscp <= 63 && mn_stack_local_ok(stack, options->local.address);
}

int mnet_udp_open(struct mnet_stack *stack, const struct mnet_udp_options *options, struct mnet_udp **result)
{
    static const struct mnet_udp_options defaults;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    struct mnet_udp_options here = options != NULL ? *options : defaults;
    if (stack == NULL || mn_zone_remove(stack, &here.local.address) < 0)
        return MNET_E_INVALID;
    int error = mn_zone_remove(stack, &here.remote.address);
    if (error < 0)
        return error;
    if (!options_ok(stack, &here))
        return MNET_E_INVALID;
    struct mnet_udp *udp = mn_pool_alloc_zeroed(&stack->udp_pool, MN_CLAIM_SEND);
    if (udp == NULL)
        return MNET_E_NO_MEMORY;
    error = mn_udp_open(&stack->udp, &udp->engine, &here);
    if (error < 0) {
        mn_pool_free(&stack->udp_pool, udp);
        return error;
    }
    udp->stack = stack;
    mn_list_append(&stack->endpoints, &udp->link);
    *result = udp;
    return MNET_OK;
}

int mn_udp_open_service(struct mnet_stack *stack, struct mnet_endpoint server, unsigned queue_datagrams,
                        struct mnet_udp **udp)
{
    const struct mnet_udp_options options = {.remote = server, .queue_datagrams = queue_datagrams};
    stack->udp.endpoints_max++;
    int error = mnet_udp_open(stack, &options, udp);
    if (error < 0)
        stack->udp.endpoints_max--;
    return error;
}

void mn_udp_close_service(struct mnet_udp *udp)
{
    if (udp == NULL)
        return;
    udp->stack->udp.endpoints_max--;
    mn_udp_free(udp);
}

void mn_udp_free(struct mnet_udp *udp)
{
    struct mnet_stack *stack = udp->stack;
    mn_block_wake_gone(&udp->receivers);
    mn_block_wake_gone(&udp->senders);
    mn_notify_end(&udp->notify);
    mn_list_remove(&udp->congested);
    mn_list_remove(&udp->link);
    for (unsigned i = 0; i < udp->engine.group_count; i++)
        mn_ip_leave(&stack->ip, udp->engine.groups[i]);
    stack->work |= udp->engine.group_count > 0;
    mn_udp_close(&stack->udp, &udp->engine);
    mn_pool_free(&stack->udp_pool, udp);
}

void mnet_udp_close(struct mnet_udp *udp)
{
    if (udp == NULL)
        return;
    MN_REQUIRE_UDP(udp);
    struct mnet_stack *stack = udp->stack;
    mn_udp_free(udp);
    mn_stack_release(stack);
}

struct mnet_endpoint mnet_udp_local(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint local = udp->engine.local;
    mn_zone_add(udp->stack, &local.address);
    return local;
}

MN_APART void mn_udp_take_event(struct mn_udp_endpoint *engine)
{
    struct mnet_udp *udp = MN_CONTAINER(engine, struct mnet_udp, engine);
    mn_block_wake_first(&udp->receivers);
    if (udp->notify.call != NULL)
        mn_notify_tell(&udp->notify, mnet_udp_ready(udp));
}

int mnet_udp_connect(struct mnet_udp *udp, const struct mnet_endpoint *remote)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint there = {0};
    if (remote != NULL) {
        there = *remote;
        int error = mn_zone_remove(udp->stack, &there.address);
        if (error < 0)
            return error;
        if (there.port == 0 || !mn_stack_remote_ok(udp->stack, there.address))
            return MNET_E_INVALID;
    }
    return mn_udp_connect(&udp->stack->udp, &udp->engine, there);
}

int mnet_udp_join(struct mnet_udp *udp, struct mnet_address group)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_stack *stack = udp->stack;
    int error = mn_zone_remove(stack, &group);
    if (error < 0)
        return error;
    if (stack->ended)
        return MNET_E_CLOSED;
    if (stack->udp.joined >= MN_GROUPS_USERS_MAX)
        return MNET_E_LIMIT;
    error = mn_udp_join(&udp->engine, group);
    if (error < 0)
        return error;
    error = mn_ip_join(&stack->ip, group, 0);
    if (error < 0)
        (void)mn_udp_leave(&udp->engine, group);
    stack->work = true; /* the report */
    return error;
}

int mnet_udp_leave(struct mnet_udp *udp, struct mnet_address group)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_stack *stack = udp->stack;
    int error = mn_zone_remove(stack, &group);
    if (error < 0)
        return error;
    error = mn_udp_leave(&udp->engine, group);
    if (error < 0)
        return error;
    mn_ip_leave(&stack->ip, group);
    stack->work = true;
    return MNET_OK;
}

enum mnet_unreachable mnet_udp_unreachable(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    return udp->engine.unreachable;
}

int mnet_udp_error(struct mnet_udp *udp, struct mnet_endpoint *to)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint about;
    int error = mn_udp_error(&udp->engine, &about);
    if (error < 0 && to != NULL) {
        mn_zone_add(udp->stack, &about.address);
        *to = about;
    }
    return error;
}

void mnet_udp_set_group_loop(struct mnet_udp *udp, bool loop)
{
    MN_REQUIRE_UDP(udp);
    udp->engine.group_loop = loop;
}

void mnet_udp_set_dont_fragment(struct mnet_udp *udp, bool dont_fragment)
{
    MN_REQUIRE_UDP(udp);
    udp->engine.dont_fragment = dont_fragment;
}

/* A call that receives, by copying or lent: its arguments and its result. */
struct receipt {
    void *buffer;
    size_t len;
    struct mnet_endpoint *from;
    const struct mn_udp_loan *loan; /* NULL: it copies */
    ptrdiff_t result;
    bool peek; /* the datagram stays */
};

static ptrdiff_t take_lent(struct mnet_udp *udp, const struct mn_udp_loan *loan)
{
    ptrdiff_t result = mn_udp_lend(&udp->engine, loan);
    if (result == MNET_E_DEADLINE || result == MNET_E_TOO_BIG)
        return result;
    for (ptrdiff_t i = 0; i < MN_MAX(result, 1); i++) { /* an error fills in the first one */
        mn_zone_add(udp->stack, &loan->messages[i].remote.address);
        mn_zone_add(udp->stack, &loan->messages[i].local);
    }
    return result;
}

static ptrdiff_t take_copy(struct mnet_udp *udp, const struct receipt *receipt)
{
    struct mnet_endpoint from = {0};
    ptrdiff_t result = receipt->peek ? mn_udp_peek(&udp->engine, receipt->buffer, receipt->len, &from)
                                     : mn_udp_receive(&udp->engine, receipt->buffer, receipt->len, &from);
    if (result == MNET_E_DEADLINE || receipt->from == NULL)
        return result;
    mn_zone_add(udp->stack, &from.address);
    *receipt->from = from;
    return result;
}

static bool take_datagram(struct mnet_udp *udp, struct receipt *receipt)
{
    receipt->result = receipt->loan != NULL ? take_lent(udp, receipt->loan) : take_copy(udp, receipt);
    return receipt->result != MNET_E_DEADLINE;
}

/* Waits in line for a datagram, as acceptors do for connections. */
static ptrdiff_t queue_for_datagram(struct mnet_udp *udp, struct receipt *receipt, uint64_t deadline)
{
    struct mn_blocked blocked;
    mn_block_begin(&blocked, &udp->receivers);
    for (;;) {
        int error = mn_block(&blocked, deadline);
        if (error == MNET_E_CLOSED)
            return error;
        receipt->result = error;
        if (error < 0 || (mn_block_is_first(&blocked, &udp->receivers) && take_datagram(udp, receipt)))
            break;
    }
    mn_block_end(&blocked);
    if (mn_udp_readable(&udp->engine))
        mn_block_wake_first(&udp->receivers);
    return receipt->result;
}

static ptrdiff_t receive(struct mnet_udp *udp, struct receipt *receipt, uint64_t deadline)
{
    if (mn_list_empty(&udp->receivers) && take_datagram(udp, receipt))
        return receipt->result;
    if (udp->stack->ended)
        return MNET_E_CLOSED;
    return deadline == 0 ? MNET_E_DEADLINE : queue_for_datagram(udp, receipt, deadline);
}

ptrdiff_t mnet_udp_receive(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from,
                           uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    struct receipt receipt = {buffer, len, from, NULL, MNET_E_DEADLINE, false};
    if (buffer == NULL && len > 0)
        return MNET_E_INVALID;
    return receive(udp, &receipt, deadline);
}

ptrdiff_t mnet_udp_peek(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from, uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    struct receipt receipt = {buffer, len, from, NULL, MNET_E_DEADLINE, true};
    if (buffer == NULL && len > 0)
        return MNET_E_INVALID;
    return receive(udp, &receipt, deadline);
}

bool mnet_udp_describe(const struct mnet_udp *udp, struct mnet_udp_message *message)
{
    MN_REQUIRE_UDP(udp);
    if (!mn_udp_describe(&udp->engine, message))
        return false;
    mn_zone_add(udp->stack, &message->remote.address);
    mn_zone_add(udp->stack, &message->local);
    return true;
}

ptrdiff_t mnet_udp_get(struct mnet_udp *udp, struct mnet_udp_message *messages, int max, struct mnet_slice *slices,
                       int slice_max, uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    const struct mn_udp_loan loan = {messages, max, slices, slice_max};
    struct receipt receipt = {.loan = &loan, .result = MNET_E_DEADLINE};
    if (messages == NULL || max < 1 || slices == NULL || slice_max < 1)
        return MNET_E_INVALID;
    return receive(udp, &receipt, deadline);
}

void mnet_udp_release(struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    mn_udp_release(&udp->engine);
}

/* ---- Sent ---- */

void mn_udp_want_device(struct mnet_udp *udp)
{
    MN_DEBUG_ASSERT(udp->stack != NULL);
    if (!mn_list_linked(&udp->congested))
        mn_list_append(&udp->stack->congested, &udp->congested);
}

/* A callback may not send, so no endpoint joins the list before it is empty. */
MN_RARE void mn_udp_tell_device(struct mnet_stack *stack)
{
    MN_DEBUG_ASSERT(!mn_stack_congested(stack));
    for (struct mnet_link *node; (node = mn_list_take(&stack->congested)) != NULL;) {
        struct mnet_udp *udp = MN_CONTAINER(node, struct mnet_udp, congested);
        mn_block_wake_all(&udp->senders);
        mn_notify_tell(&udp->notify, mnet_udp_ready(udp));
    }
}

MN_RARE void mn_udp_wake_senders(struct mnet_stack *stack)
{
    for (struct mnet_link *node = mn_list_begin(&stack->endpoints); node != &stack->endpoints; node = node->next)
        mn_block_wake_all(&MN_CONTAINER(node, struct mnet_udp, link)->senders);
}

static MN_APART int await_busy_device(struct mnet_udp *udp, uint64_t deadline)
{
    struct mnet_stack *stack = udp->stack;
    while (mn_stack_congested(stack)) {
        mn_stack_transmit(stack);
        stack->work |= mn_ip_has_looped(&stack->ip);
        if (!mn_stack_congested(stack))
            break;
        mn_udp_want_device(udp);
        int error = mn_block_once(&udp->senders, deadline);
        if (error < 0)
            return error;
    }
    return MNET_OK;
}

/* Waits until the device takes frames. */
static inline int await_device(struct mnet_udp *udp, uint64_t deadline)
{
    return !mn_stack_congested(udp->stack) ? MNET_OK : await_busy_device(udp, deadline);
}

/* A message on its way out. */
struct sending {
    struct mnet_udp_message message; /* both ends are filled in */
    struct mn_udp_bytes bytes;
    size_t datagram_len; /* payload bytes of each datagram but the last */
    size_t whole_max;    /* of a datagram that needs no fragments; 0: not prepared */
};

/* The largest payload of a datagram that needs no fragments on its path, as far as is known. */
static size_t whole_payload(struct mnet_stack *stack, struct mnet_address remote, const struct mn_ip_path *path)
{
    size_t headers = (mn_address_is_ipv4(&remote) ? MN_IPV4_HEADER : MN_IPV6_HEADER) + (size_t)MN_UDP_HEADER;
    size_t mtu = path->loopback ? path->mtu : MN_MIN(path->mtu, mn_ip_path_mtu(&stack->ip, remote));
    return MN_MIN(mtu > headers ? mtu - headers : 1, mn_udp_payload_max(remote));
}

/* Fills in the remote end, and checks it. */
static int find_remote(const struct mnet_udp *udp, struct mnet_endpoint *remote)
{
    if (remote->port == 0) {
        *remote = udp->engine.remote;
        return remote->port != 0 ? MNET_OK : MNET_E_INVALID;
    }
    if (mn_address_is_any(&remote->address))
        return MNET_E_INVALID;
    int error = mn_zone_remove(udp->stack, &remote->address);
    return error == MNET_OK && !mn_udp_takes(&udp->engine, remote->address) ? MNET_E_INVALID : error;
}

/* Fills in the own address to send from, and checks it: the one that the message says, the
 * endpoint's, or that of the path. */
static int find_local(const struct mnet_udp *udp, struct mnet_address *local, const struct mnet_address *remote,
                      const struct mn_ip_path *path)
{
    struct mnet_address bound = udp->engine.local.address;
    if (mn_address_is_any(local)) {
        *local = mn_address_is_any(&bound) ? path->source : bound;
        return MNET_OK;
    }
    int error = mn_zone_remove(udp->stack, local);
    if (error < 0)
        return error;
    bool ours = mn_address_is_any(&bound) ? mn_ip_is_own(&udp->stack->ip, *local) : mn_address_equal(&bound, local);
    bool fits = mn_address_is_ipv4(local) == mn_address_is_ipv4(remote);
    return ours && fits ? MNET_OK : MNET_E_INVALID;
}

/* Checks the bytes and their lengths. */
static int measure(struct sending *sending)
{
    const struct mnet_udp_message *message = &sending->message;
    size_t total = 0, most = MN_MIN(sending->whole_max, mn_udp_payload_max(message->remote.address));
    for (int i = 0; i < message->slice_count; i++) {
        const struct mnet_slice *slice = &message->slices[i];
        if ((slice->data == NULL && slice->len > 0) || slice->len > SIZE_MAX - total)
            return MNET_E_INVALID;
        total += slice->len;
    }
    sending->bytes = (struct mn_udp_bytes){.slice = message->slices, .left = total};
    sending->datagram_len = message->segment != 0 ? MN_MIN(total, message->segment) : total;
    return sending->datagram_len > most ? MNET_E_TOO_BIG : MNET_OK;
}

/* At the start of the stack an own address may still come. */
static MN_APART int await_path(struct mnet_udp *udp, const struct mnet_address *remote, struct mn_ip_path *path,
                               uint64_t deadline)
{
    struct mnet_stack *stack = udp->stack;
    int error = mn_stack_await_source_in(stack, &udp->senders, *remote, deadline);
    if (error == MNET_OK)
        error = await_device(udp, deadline);
    return error < 0 ? error : mn_ip_path(&stack->ip, *remote, path);
}

/* Checks the message before anything of it is sent. */
static int prepare(struct mnet_udp *udp, struct sending *sending, uint64_t deadline)
{
    struct mnet_udp_message *message = &sending->message;
    struct mn_ip_path path;
    if (message->slice_count < 0 || (message->slices == NULL && message->slice_count > 0) || message->dscp > 63 ||
        message->ecn > 3)
        return MNET_E_INVALID;
    int error = find_remote(udp, &message->remote);
    if (error < 0)
        return error;
    error = mn_ip_path(&udp->stack->ip, message->remote.address, &path);
    if (error < 0 || !mn_stack_source_fits(&path.source, &message->remote.address))
        error = await_path(udp, &message->remote.address, &path, deadline);
    if (error < 0)
        return error;
    sending->whole_max = udp->engine.dont_fragment ? whole_payload(udp->stack, message->remote.address, &path)
                                                   : SIZE_MAX;
    error = find_local(udp, &message->local, &message->remote.address, &path);
    return error < 0 ? error : measure(sending);
}

static int send_datagram(struct mnet_udp *udp, struct sending *sending)
{
    struct mnet_stack *stack = udp->stack;
    struct mn_datagram datagram;
    size_t len = MN_MIN(sending->datagram_len, sending->bytes.left);
    struct mnet_packet *packet = mn_udp_output(&stack->udp, &udp->engine, &sending->message, &sending->bytes, len,
                                               &datagram);
    if (packet == NULL)
        return MNET_E_NO_MEMORY;
    int error = mn_ip_output(&stack->ip, packet, &datagram, stack->now);
    if (mn_ip_unsent(&stack->ip) >= MN_BATCH)
        mn_stack_transmit(stack); /* ip's transmit queue is short */
    if (MN_UNLIKELY(mn_ip_looped(&stack->ip) >= MN_BATCH))
        mn_stack_go_round(stack); /* so is that of packets to own addresses */
    return error;
}

/* A message without bytes is one empty datagram. */
static int send_message(struct mnet_udp *udp, const struct mnet_udp_message *message, uint64_t deadline)
{
    struct sending sending = {.message = *message};
    int error;
    do {
        error = await_device(udp, deadline);
        if (error == MNET_OK && sending.whole_max == 0)
            error = prepare(udp, &sending, deadline); /* much can change while the task waits */
        if (error == MNET_OK)
            error = send_datagram(udp, &sending);
    } while (error == MNET_OK && sending.bytes.left > 0);
    return error;
}

int mnet_udp_send_batch(struct mnet_udp *udp, const struct mnet_udp_message *messages, int count, int *sent,
                        uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_stack *stack = udp->stack;
    int done = 0, error = MNET_OK;
    if (sent != NULL)
        *sent = 0;
    if (count < 0 || (messages == NULL && count > 0))
        return MNET_E_INVALID;
    if (stack->ended)
        return MNET_E_CLOSED;
    mn_stack_enter(stack);
    while (done < count && (error = send_message(udp, &messages[done], deadline)) == MNET_OK)
        done++;
    if (sent != NULL)
        *sent = done;
    if (error != MNET_E_CLOSED) /* then the stack may be gone */
        mn_stack_leave(stack);
    return error;
}

int mnet_udp_send(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len, uint64_t deadline)
{
    MN_REQUIRE_UDP(udp);
    const struct mnet_slice slice = {data, len};
    struct mnet_udp_message message = {.slices = &slice, .slice_count = 1};
    if (to != NULL && to->port == 0)
        return MNET_E_INVALID;
    if (to != NULL)
        message.remote = *to;
    return mnet_udp_send_batch(udp, &message, 1, NULL, deadline);
}

ptrdiff_t mnet_udp_payload_max(const struct mnet_udp *udp, const struct mnet_endpoint *to)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint remote = to != NULL ? *to : udp->engine.remote;
    struct mn_ip_path path;
    int error = find_remote(udp, &remote);
    if (error == MNET_OK)
        error = mn_ip_path(&udp->stack->ip, remote.address, &path);
    return error < 0 ? error : (ptrdiff_t)whole_payload(udp->stack, remote.address, &path);
}

struct mnet_address mnet_udp_source(const struct mnet_udp *udp, const struct mnet_endpoint *to)
{
    MN_REQUIRE_UDP(udp);
    struct mnet_endpoint remote = to != NULL ? *to : udp->engine.remote;
    struct mnet_address local = MNET_ADDRESS_ANY;
    struct mn_ip_path path;
    if (find_remote(udp, &remote) < 0 || mn_ip_path(&udp->stack->ip, remote.address, &path) < 0 ||
        find_local(udp, &local, &remote.address, &path) < 0)
        return MNET_ADDRESS_ANY;
    mn_zone_add(udp->stack, &local);
    return local;
}

/* Whoever is told that the endpoint is not writable is told when that changes. */
unsigned mnet_udp_ready(const struct mnet_udp *udp)
{
    MN_REQUIRE_UDP(udp);
    if (udp->stack->ended)
        return MNET_READABLE | MNET_WRITABLE | MNET_ENDED | MNET_HUNG_UP;
    bool congested = mn_stack_congested(udp->stack);
    unsigned ready = congested ? 0 : MNET_WRITABLE;
    if (congested && udp->notify.call != NULL)
        mn_udp_want_device(MN_CONTAINER(&udp->engine, struct mnet_udp, engine));
    if (mn_udp_readable(&udp->engine))
        ready |= MNET_READABLE;
    if (udp->engine.error_count > 0)
        ready |= MNET_FAILED;
    return ready;
}

void mnet_udp_notify(struct mnet_udp *udp, void (*notify)(void *context, unsigned ready), void *context)
{
    MN_REQUIRE_UDP(udp);
    MN_REQUIRE(notify == NULL || !mn_notify_is_watched(&udp->notify), "the endpoint is a member of a set");
    udp->notify = (struct mn_notify){notify, context};
}
