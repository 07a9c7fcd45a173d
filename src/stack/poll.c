/* A poll of a stack: it receives frames, runs timers, reports events and sends frames.
 *
 * Theory of operation. A poll takes received frames in batches, within a budget, coalesces them,
 * and passes them through IP to the transports. Then it runs the timers, reports the neighbours
 * that did not answer, and tells those who wait for an event. At last it pulls output, a batch at a
 * time: the frames that ip has ready, and segments from TCP through ip. If the device offers no
 * segmentation or no checksums, the poll cuts the frames or completes their checksums. Packets to
 * own addresses are received again at once. Frames that the device does not take stay in `pending`,
 * and the poll pulls no more until the device has taken them all. So a slow device pushes back on
 * TCP, which keeps its data in the send queue, and nothing is dropped.
 *
 * mnet_stack_deadline returns the time at which a stack must be polled again if no frame comes. If
 * `work` is set, that is at once: a call, or the last poll, has left events to be told, frames to
 * be sent, or packets to own addresses. Otherwise find_due computes the earliest of
 *
 *   - the timers of ip, TCP, DHCP, DNS and SNTP;
 *   - the retries. A full device is asked again after MN_TX_RETRY_NS. Segments and deferred bytes
 *     that found no memory are tried again after MN_MEMORY_RETRY_NS.
 *
 * `due` keeps that time until mn_stack_transmit, which may start timers and change the retries. An
 * earlier poll without a frame does nothing, unless something is left over: each poll asks the
 * device and the memory again, which costs little beside the frames that they may take now. Tasks
 * that wait to send datagrams need no timer of their own: they wait only while the device is full,
 * and then its retry is due.
 */
#include <string.h>

#include "base/check.h"
#include "base/logger.h"
#include "base/memory.h"
#include "stack/check.h"
#include "stack/coalesce.h"
#include "stack/loop.h"
#include "stack/offload.h"
#include "stack/stack.h"

#define LOOPBACK_BUDGET 256

static void count(struct mnet_stack *stack, enum mnet_counter counter, uint64_t amount)
{
    stack->counters.value[counter] += amount;
}

/* ---- Received ---- */

/* The transport decides whether it believes the error. A believed error of size lowers the path MTU
 * for all connections to that destination. */
static MN_RARE void take_error(struct mnet_stack *stack, const struct mn_icmp_error *error)
{
    bool believed = false;
    if (error->protocol == MN_PROTOCOL_TCP)
        believed = mn_tcp_icmp(stack->tcp, error, stack->now);
    else if (error->protocol == MN_PROTOCOL_UDP)
        believed = mn_udp_icmp(&stack->udp, error);
    if (believed && error->reason == MN_UNREACHABLE_TOO_BIG)
        mn_ip_lower_path_mtu(&stack->ip, error, stack->now);
}

/* RFC 1122 3.2.2.1: a packet of an unknown protocol, or for a UDP port without an endpoint, is
 * answered with an ICMP error. */
static void take_datagram(struct mnet_stack *stack, const struct mn_datagram *datagram, struct mnet_packet *packet)
{
    enum mn_unreachable reason = MN_UNREACHABLE_PROTOCOL;
    if (MN_LIKELY(datagram->protocol == MN_PROTOCOL_TCP)) {
        mn_tcp_input(stack->tcp, datagram, packet, stack->now);
        return;
    }
    if (datagram->protocol == MN_PROTOCOL_UDP) {
        if (mn_udp_input(&stack->udp, datagram, packet) == MN_UDP_CONSUMED)
            return;
        reason = MN_UNREACHABLE_PORT;
    }
    mn_ip_send_unreachable(&stack->ip, packet, datagram, reason, stack->now);
    mnet_packet_free(packet);
}

static void act_on(struct mnet_stack *stack, enum mn_ip_verdict verdict, struct mnet_packet *packet,
                   const struct mn_datagram *datagram, const struct mn_icmp_error *error)
{
    switch (verdict) {
    case MN_IP_CONSUMED: break;
    case MN_IP_TRANSPORT: take_datagram(stack, datagram, packet); break;
    case MN_IP_ERROR:
        take_error(stack, error);
        mnet_packet_free(packet);
        break;
    }
}

/* Returns true if the stack may rely on the device's mark of the frame's checksum. It must if the
 * frame is merged, which has no checksum to verify, or if the checksum is partial. It may rely on a
 * sum if the device offers sums, and if the sum covers bytes of the frame. */
static bool is_believable(const struct mnet_stack *stack, const struct mnet_packet *frame)
{
    if (frame->checksum == MNET_CHECKSUM_SUMMED)
        return !stack->config.no_checksum_offload && (stack->device->rx_offload & MNET_OFFLOAD_SUM) != 0 &&
               frame->csum_start <= frame->len;
    return !stack->config.no_checksum_offload || frame->checksum != MNET_CHECKSUM_VERIFIED ||
           frame->gso != MNET_GSO_NONE;
}

/* Takes up to a batch of frames from the device. */
static int take_batch(struct mnet_stack *stack, struct mnet_packet **frames)
{
    int taken = stack->device->ops->rx(stack->device, frames, MN_BATCH);
    if (taken < 0) {
        if (!stack->rx_failed)
            mn_log(&stack->config.log, MNET_LOG_ERROR, "device %s fails to receive", stack->device->name);
        stack->rx_failed = true;
        return 0;
    }
    stack->rx_failed = false;
    for (int i = 0; i < taken; i++) {
        frames[i]->received_ns = stack->now;
        count(stack, MNET_COUNT_RX_BYTES, frames[i]->total);
        if (frames[i]->checksum != MNET_CHECKSUM_PLAIN && !is_believable(stack, frames[i]))
            frames[i]->checksum = MNET_CHECKSUM_PLAIN;
    }
    count(stack, MNET_COUNT_RX_FRAMES, (uint64_t)taken);
    return taken;
}

static MN_APART void take_any_frame(struct mnet_stack *stack, struct mnet_packet *frame)
{
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    enum mn_ip_verdict verdict = mn_ip_input(&stack->ip, &frame, stack->now, &datagram, &error);
    act_on(stack, verdict, frame, &datagram, &error);
}

static MN_APART void take_frames(struct mnet_stack *stack, struct mnet_packet **frames, int frame_count)
{
    if (!stack->config.no_coalescing && frame_count > 1) {
        int merged = mn_coalesce(frames, frame_count);
        count(stack, MNET_COUNT_RX_COALESCED, (uint64_t)(frame_count - merged));
        frame_count = merged;
    }
    for (int i = 0; i < frame_count; i++) {
        const struct mn_datagram *repeat = mn_ip_input_repeat(&stack->ip, frames[i]);
        if (MN_LIKELY(repeat != NULL))
            take_datagram(stack, repeat, frames[i]);
        else
            take_any_frame(stack, frames[i]);
    }
}

/* Returns the count of frames received. If it reaches MN_RX_BUDGET, the device may have more. */
static int receive(struct mnet_stack *stack)
{
    struct mnet_packet *frames[MN_BATCH];
    int taken, received = 0;
    do {
        taken = take_batch(stack, frames);
        if (taken > 0)
            take_frames(stack, frames, taken);
        received += taken;
    } while (MN_UNLIKELY(taken == MN_BATCH) && received < MN_RX_BUDGET);
    return received;
}

MN_RARE bool mn_stack_go_round(struct mnet_stack *stack)
{
    struct mnet_packet *packet;
    enum mn_ip_verdict verdict;
    struct mn_datagram datagram;
    struct mn_icmp_error error;
    int rounds = 0;
    while (rounds < LOOPBACK_BUDGET &&
           mn_ip_take_looped(&stack->ip, stack->now, &packet, &verdict, &datagram, &error)) {
        act_on(stack, verdict, packet, &datagram, &error);
        rounds++;
    }
    return rounds > 0;
}

/* ---- Timers and events ---- */

static MN_RARE void take_failures(struct mnet_stack *stack)
{
    struct mnet_packet *packet;
    struct mn_icmp_error error;
    while ((packet = mn_ip_take_error(&stack->ip, &error)) != NULL) {
        take_error(stack, &error);
        mnet_packet_free(packet);
    }
}

/* RFC 4862 5.5.4 */
static MN_RARE void take_lost(struct mnet_stack *stack)
{
    struct mnet_address address;
    while (mn_ip_take_lost(&stack->ip, &address))
        mn_tcp_address_lost(stack->tcp, address);
}

static void expire(struct mnet_stack *stack)
{
    if (mn_ip_deadline(&stack->ip) <= stack->now)
        mn_ip_expire(&stack->ip, stack->now);
    if (mn_ip_has_failed(&stack->ip))
        take_failures(stack);
    if (stack->dhcp.client.state != MN_DHCP_OFF)
        mn_stack_dhcp_expire(stack); /* it follows the state of the address, too */
    if (MN_UNLIKELY(stack->dhcp6.due_ns <= stack->now))
        mn_stack_dhcp6_expire(stack);
    if (mn_tcp_deadline(stack->tcp) <= stack->now)
        mn_tcp_expire(stack->tcp, stack->now);
}

/* The stack's addresses, routers or link have changed. */
static MN_RARE void tell_changes(struct mnet_stack *stack)
{
    mn_stack_dhcp6_follow(stack);
    if (mn_ip_has_lost(&stack->ip))
        take_lost(stack); /* this ends connections */
    stack->told = mn_stack_changes(stack);
    mn_block_wake_all(&stack->probers);
    mn_udp_wake_senders(stack);
    if (stack->notify != NULL)
        stack->notify(stack->notify_context, mnet_stack_ready(stack));
}

/* The link has come up or gone down. */
static MN_RARE void follow_link(struct mnet_stack *stack)
{
    stack->link_down = stack->device->link_down;
    stack->link_ns = stack->now;
    stack->losers = (struct mn_losers){0}; /* HE-4-3: the link may lead to another network */
    mn_log(&stack->config.log, MNET_LOG_INFO, "device %s: the link is %s", stack->device->name,
           stack->link_down ? "down" : "up");
    if (stack->link_down) {
        mn_ip_note_link_down(&stack->ip);
    } else {
        mn_ip_note_link_up(&stack->ip, stack->now);
        mn_stack_dhcp_note_link_up(stack);
        mn_stack_dhcp6_note_link_up(stack);
    }
    stack->changes++;
    stack->work = true;
}

static MN_APART void tell_endpoints(struct mnet_stack *stack)
{
    struct mn_udp_endpoint *endpoint;
    while ((endpoint = mn_udp_fetch_event(&stack->udp)) != NULL) {
        if (endpoint == &stack->dhcp.endpoint)
            mn_stack_dhcp_input(stack); /* this may end connections, so it comes first */
        else if (endpoint == &stack->dhcp6.endpoint)
            mn_stack_dhcp6_input(stack); /* likewise */
        else
            mn_udp_take_event(endpoint);
    }
}

static MN_APART void tell_flows(struct mnet_stack *stack)
{
    struct mn_tcb *tcb;
    struct mn_tcp_owner *owner;
    struct mn_listener *listener;
    while ((tcb = mn_tcp_fetch_event(stack->tcp)) != NULL) {
        owner = mn_tcp_owner(tcb);
        if (MN_LIKELY(owner != NULL)) /* it may not be accepted yet */
            mn_flow_take_event(owner);
    }
    while ((owner = mn_tcp_fetch_ended(stack->tcp)) != NULL)
        mn_flow_take_event(owner);
    while ((listener = mn_tcp_fetch_listener_event(stack->tcp)) != NULL)
        mn_listener_take_event(listener);
}

static void tell(struct mnet_stack *stack)
{
    if (mn_udp_has_events(&stack->udp))
        tell_endpoints(stack);
    if (MN_UNLIKELY(mn_stack_changes(stack) != stack->told))
        tell_changes(stack);
    if (mn_tcp_has_events(stack->tcp))
        tell_flows(stack);
    if (MN_UNLIKELY(stack->names != NULL))
        stack->names_service->run(stack);
    if (MN_UNLIKELY(stack->sntp != NULL))
        stack->sntp_service->run(stack); /* after the names, which it waits for */
    mn_block_wake_all(&stack->pingers);  /* a task whose reply has not come waits again */
}

/* Queues deferred bytes that found no memory before. A flow that fails again puts itself back into
 * short_deferred. */
static void retry_deferred(struct mnet_stack *stack)
{
    struct mnet_link again = stack->short_deferred;
    if (mn_list_empty(&stack->short_deferred))
        return;
    again.next->prev = again.prev->next = &again;
    mn_list_init(&stack->short_deferred);
    for (struct mnet_link *node; (node = mn_list_take(&again)) != NULL;)
        mn_flow_flush_deferred(MN_CONTAINER(node, struct mn_deferred, link)->flow);
}

/* ---- Sent ---- */

/* Returns the next frame of ip. If ip has none, it passes segments of TCP through ip until one
 * comes out as a frame: others wait there for their neighbours. */
static struct mnet_packet *next_frame(struct mnet_stack *stack)
{
    struct mnet_packet *frame = mn_ip_transmit(&stack->ip);
    while (frame == NULL) {
        struct mn_datagram datagram;
        struct mnet_packet *segment = mn_tcp_output(stack->tcp, &datagram, stack->now);
        if (segment == NULL)
            return NULL;
        frame = mn_ip_output_frame(&stack->ip, segment, &datagram, stack->now);
    }
    return frame;
}

static bool device_cuts(const struct mnet_stack *stack, const struct mnet_packet *frame)
{
    return (mn_offload_needed(frame) & ~stack->device_offload) == 0;
}

/* Returns the next segment of the large frame, or NULL if memory is short. The frame is freed with
 * its last segment. */
static MN_RARE struct mnet_packet *cut(struct mnet_stack *stack)
{
    struct mnet_packet *segment = mn_segmenter_next(&stack->segmenter);
    if (segment == NULL)
        return NULL;
    count(stack, MNET_COUNT_TX_SEGMENTED, 1);
    if (mn_segmenter_done(&stack->segmenter)) {
        mnet_packet_free(stack->cutting);
        stack->cutting = NULL;
    }
    return segment;
}

/* Returns the next frame in a size that the device can send. */
static struct mnet_packet *next_device_frame(struct mnet_stack *stack)
{
    if (MN_UNLIKELY(stack->cutting != NULL))
        return cut(stack);
    struct mnet_packet *frame = next_frame(stack);
    if (MN_LIKELY(frame == NULL || !mn_offload_is_large(frame)) || device_cuts(stack, frame))
        return frame;
    bool cuttable = mn_segmenter_init(&stack->segmenter, frame, stack->memory);
    MN_ASSERT(cuttable); /* the engine made the frame */
    stack->cutting = frame;
    return cut(stack);
}

/* Returns whether a protocol may have something left to send. */
static bool has_frames(const struct mnet_stack *stack)
{
    return mn_tcp_wants_output(stack->tcp) || mn_ip_unsent(&stack->ip) > 0 || stack->cutting != NULL;
}

/* Fills `pending`. Returns false if nothing more is to be sent now. */
static bool pull(struct mnet_stack *stack)
{
    bool complete = !(stack->device_offload & MNET_OFFLOAD_CHECKSUM);
    while (stack->pending_count < MN_BATCH) {
        struct mnet_packet *frame = next_device_frame(stack);
        if (frame == NULL)
            return false;
        if (complete && frame->checksum == MNET_CHECKSUM_PARTIAL) {
            bool completed = mn_offload_complete(frame);
            MN_ASSERT(completed); /* the transport set the offsets */
        }
        stack->pending[stack->pending_count++] = frame;
        if (!has_frames(stack))
            return false;
    }
    return true;
}

static MN_RARE void lose_pending(struct mnet_stack *stack)
{
    count(stack, MNET_COUNT_TX_DROP_DEVICE, stack->pending_count);
    for (unsigned i = 0; i < stack->pending_count; i++)
        mnet_packet_free(stack->pending[i]);
    stack->pending_count = 0;
}

/* Offers the pending frames. Returns true if the device took them all. If the device fails, the
 * frames are dropped, because otherwise the stack could never send again. */
static bool offer(struct mnet_stack *stack)
{
    unsigned offered = stack->pending_count;
    uint64_t bytes = 0; /* counted now, because the device may free the frames that it takes */
    for (unsigned i = 0; i < offered; i++)
        bytes += stack->pending[i]->total;
    int taken = stack->device->ops->tx(stack->device, stack->pending, (int)offered);
    if (MN_UNLIKELY(taken < 0)) {
        lose_pending(stack);
        return true;
    }
    for (unsigned i = (unsigned)taken; i < offered; i++) {
        bytes -= stack->pending[i]->total;
        stack->pending[i - (unsigned)taken] = stack->pending[i];
    }
    count(stack, MNET_COUNT_TX_FRAMES, (uint64_t)taken);
    count(stack, MNET_COUNT_TX_BYTES, bytes);
    stack->pending_count -= (unsigned)taken;
    return stack->pending_count == 0;
}

static MN_APART void send(struct mnet_stack *stack)
{
    if (MN_UNLIKELY(stack->pending_count > 0) && !offer(stack))
        return;
    bool more;
    do {
        more = pull(stack);
    } while (stack->pending_count > 0 && offer(stack) && more);
}

void mn_stack_transmit(struct mnet_stack *stack)
{
    stack->due = 0;
    if (has_frames(stack) || stack->pending_count > 0)
        send(stack);
    if (MN_UNLIKELY(!mn_list_empty(&stack->congested)) && !mn_stack_congested(stack))
        mn_udp_tell_device(stack);
}

/* ---- Driven ---- */

static void advance(struct mnet_stack *stack, uint64_t now)
{
    if (now > stack->now)
        stack->now = now;
}

/* Tells events, sends, and receives the packets to own addresses. Returns true if there were any,
 * as their answers may be left to send. */
static bool settle(struct mnet_stack *stack)
{
    tell(stack);
    mn_stack_transmit(stack);
    return mn_ip_has_looped(&stack->ip) && mn_stack_go_round(stack);
}

/* Returns true if the device was full, or memory was short, in the last poll. */
static bool has_leftovers(const struct mnet_stack *stack)
{
    return mn_stack_congested(stack) || !mn_list_empty(&stack->short_deferred);
}

/* Returns the time at which the stack must run if no frame comes and nobody calls: see the theory
 * of operation. */
static MN_APART uint64_t find_due(struct mnet_stack *stack)
{
    uint64_t ip = mn_ip_deadline(&stack->ip), tcp = mn_tcp_deadline(stack->tcp);
    uint64_t due = MN_MIN(MN_MIN(ip, tcp), mn_dhcp_client_deadline(&stack->dhcp.client));
    due = MN_MIN(due, stack->dhcp6.due_ns);
    if (MN_UNLIKELY(stack->names != NULL))
        due = MN_MIN(due, stack->names_service->deadline(stack));
    if (MN_UNLIKELY(stack->sntp != NULL))
        due = MN_MIN(due, stack->sntp_service->deadline(stack));
    if (MN_UNLIKELY(mn_ip_has_failed(&stack->ip) || mn_stack_changes(stack) != stack->told))
        return stack->now;
    if (MN_UNLIKELY(mn_stack_congested(stack)))
        return MN_MIN(due, stack->now + MN_TX_RETRY_NS);
    if (MN_UNLIKELY(mn_tcp_wants_output(stack->tcp) || has_leftovers(stack)))
        return MN_MIN(due, stack->now + MN_MEMORY_RETRY_NS);
    return due;
}

uint64_t mnet_stack_deadline(struct mnet_stack *stack)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    if (stack->work)
        return stack->now;
    if (stack->due == 0)
        stack->due = find_due(stack);
    return stack->due;
}

/* Returns true if a poll without a frame has nothing to do. */
static bool at_rest(struct mnet_stack *stack)
{
    return stack->now < mnet_stack_deadline(stack) && !has_leftovers(stack);
}

/* Frees memory by dropping data that was never acknowledged: text out of order, then fragments,
 * then packets that wait for neighbours. */
static MN_RARE void relieve(struct mnet_stack *stack)
{
    mn_tcp_relieve(stack->tcp);
    mn_ip_relieve(&stack->ip);
}

static MN_APART void follow_up(struct mnet_stack *stack)
{
    if (MN_UNLIKELY(mn_memory_is_short(stack->memory)))
        relieve(stack);
    expire(stack);
    retry_deferred(stack);
    stack->work = settle(stack);
}

bool mnet_stack_poll(struct mnet_stack *stack, uint64_t now)
{
    MN_REQUIRE(stack != NULL, "the stack is NULL");
    advance(stack, now);
    int received = receive(stack);
    if (MN_UNLIKELY(stack->device->link_down != stack->link_down))
        follow_link(stack);
    if (received > 0 || !at_rest(stack))
        follow_up(stack);
    MN_CHECK(mn_stack_check(stack));
    return received >= MN_RX_BUDGET || stack->work;
}

bool mn_stack_flush(struct mnet_stack *stack)
{
    if (MN_UNLIKELY(mn_tcp_awaits_user(stack->tcp))) {
        mn_tcp_user_had_turn(stack->tcp);
        stack->work = true;
    }
    if (stack->work) {
        /* Tasks may have computed for long. What they queued is sent now, and not when the turn
         * began: round trips are measured from here, and bursts are paced from here. */
        advance(stack, stack->config.platform.now(stack->config.platform.context));
        stack->work = settle(stack);
    }
    return stack->work;
}

static bool loop_follows(const struct mnet_stack *stack)
{
    return stack->loop != NULL && stack->loop->in_tasks;
}

void mn_stack_enter(struct mnet_stack *stack)
{
    if (!loop_follows(stack))
        advance(stack, stack->config.platform.now(stack->config.platform.context));
}

void mn_stack_leave(struct mnet_stack *stack)
{
    stack->work = true; /* there may be events, and packets to own addresses */
    if (!stack->ended && !loop_follows(stack))
        mn_stack_transmit(stack);
}
