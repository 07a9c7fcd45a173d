/* Writing to a TCP connection.
 *
 * Theory of operation. The writers of a flow stand in line. The bytes of the first one are queued
 * piece by piece as the send buffer empties, and the next one begins when the first one leaves. So
 * the bytes of each call stay together, and every call gets its turn. mnet_tcp_write_now cannot
 * wait: while another call writes, its bytes are put aside as `deferred`, and they are queued when
 * that call leaves.
 *
 * A writer is woken when half of the send buffer is free. If the peer's window is too small for
 * more, room for the rest of its bytes is enough. It tries once more when its deadline passes. A
 * flow is ready for writing by the same rule, but never while a writer stands in line.
 *
 * If memory is short and the send buffer is not full, perhaps no acknowledgement comes that would
 * wake the writer. So a writer tries again every MN_MEMORY_RETRY_NS, and after MN_MEMORY_RETRIES
 * attempts without progress it fails with MNET_E_NO_MEMORY. Deferred bytes are promised and cannot
 * fail: they wait in stack->short_deferred, nobody else writes to their flow, and each poll tries
 * again.
 */
#include <mnet/tcp.h>

#include <string.h>

#include "base/copy.h"
#include "stack/stack.h"

/* Lent bytes are queued in pieces of this size at most, because a whole piece must fit the send
 * buffer. */
#define LENT_PIECE_MAX 32768u

/* The progress of one call through its bytes. */
struct write {
    const struct mnet_slice *slices;
    size_t at;     /* index of the slice with the next byte */
    size_t offset; /* of the next byte in that slice */
    size_t count;
    size_t done;              /* bytes queued so far */
    struct mnet_buffer *lent; /* of a zero-copy write, which has one slice; NULL: copy */
    void (*release)(void *context);
    void *context;
};

static void keep(void *context)
{
    (void)context; /* no byte was queued, so the caller still owns them all */
}

/* Returns the error of a write that found no tcb. */
static MN_RARE int no_tcb_error(const struct mnet_flow *flow)
{
    int error = mn_tcp_idle_error(&flow->end);
    return error != 0 ? error : MNET_E_NO_MEMORY;
}

static ptrdiff_t queue_copy(struct mnet_flow *flow, const struct write *write, size_t len)
{
    MN_DEBUG_ASSERT(len > 0 && write->lent == NULL);
    const uint8_t *bytes = write->slices[write->at].data;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (MN_UNLIKELY(tcb == NULL))
        return no_tcb_error(flow);
    return mn_tcp_send(flow->stack->tcp, tcb, bytes + write->offset, len, false, flow->stack->now);
}

static MN_APART ptrdiff_t queue_lent(struct mnet_flow *flow, struct write *write, size_t len)
{
    MN_DEBUG_ASSERT(write->count == 1 && len > 0);
    size_t piece = MN_MIN(LENT_PIECE_MAX, flow->stack->config.tcp.send_buffer / 2);
    piece = MN_MIN(piece, len);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb == NULL)
        return no_tcb_error(flow);
    int queued = mn_tcp_send_buffer(flow->stack->tcp, tcb, write->lent, (uint32_t)write->offset, (uint32_t)piece, false,
                                    flow->stack->now);
    if (queued <= 0)
        return queued;
    write->lent->release = write->release; /* the queue now holds bytes that it must release */
    write->lent->context = write->context;
    return (ptrdiff_t)piece;
}

/* Queues as many bytes as the send buffer takes. Returns 0 if none is left, MNET_E_DEADLINE if the
 * send buffer is full, or an error. */
static int queue_bytes(struct mnet_flow *flow, struct write *write)
{
    while (write->at < write->count) {
        size_t left = write->slices[write->at].len - write->offset;
        if (left == 0) {
            write->at++;
            write->offset = 0;
            continue;
        }
        ptrdiff_t queued = MN_UNLIKELY(write->lent != NULL) ? queue_lent(flow, write, left)
                                                            : queue_copy(flow, write, left);
        if (queued <= 0)
            return queued == 0 ? MNET_E_DEADLINE : (int)queued;
        write->offset += (size_t)queued;
        write->done += (size_t)queued;
    }
    return MNET_OK;
}

static bool must_wait(int result)
{
    return result == MNET_E_DEADLINE || result == MNET_E_NO_MEMORY;
}

/* Returns the number of bytes that are not queued yet. */
static size_t rest_of(const struct write *write)
{
    MN_DEBUG_ASSERT(write->at <= write->count);
    size_t rest = 0;
    for (size_t i = write->at; i < write->count; i++)
        rest += MN_MIN(write->slices[i].len, SIZE_MAX - rest);
    return rest - (write->at < write->count ? write->offset : 0);
}

/* Queues bytes of the first writer in line. */
static int take_turn(struct mnet_flow *flow, struct write *write)
{
    if (MN_UNLIKELY(flow->deferred != NULL) && mn_list_linked(&flow->deferred->link) && !mn_flow_flush_deferred(flow))
        return MNET_E_NO_MEMORY;
    mn_stack_enter(flow->stack);
    int result = queue_bytes(flow, write);
    if (MN_UNLIKELY(result == MNET_E_DEADLINE))
        mn_tcp_want_room(flow->end.tcb, rest_of(write));
    mn_stack_leave(flow->stack);
    return result;
}

/* Waits for the next turn of a writer whose last turn returned `result`. If that was
 * MNET_E_NO_MEMORY, the next turn comes after MN_MEMORY_RETRY_NS at the latest. Returns 0 or an
 * error. */
static int await_turn(struct mnet_flow *flow, struct mn_blocked *blocked, int result, unsigned *retries,
                      uint64_t deadline)
{
    if (result != MNET_E_NO_MEMORY || deadline == 0)
        return mn_block(blocked, deadline);
    uint64_t retry_at = flow->stack->now + MN_MEMORY_RETRY_NS;
    int error = mn_block(blocked, MN_MIN(deadline, retry_at));
    if (error != MNET_E_DEADLINE || retry_at >= deadline)
        return error;
    return ++*retries < MN_MEMORY_RETRIES ? MNET_OK : MNET_E_NO_MEMORY;
}

/* Returns the error for the caller: if the deadline passed while memory was short, that is
 * MNET_E_NO_MEMORY. */
static int reason(int error, int result)
{
    return error == MNET_E_DEADLINE && result == MNET_E_NO_MEMORY ? MNET_E_NO_MEMORY : error;
}

/* Ends a write whose deadline has passed or whose task is cancelled. At its deadline, the first
 * writer in line has one more turn. */
static int give_up(struct mnet_flow *flow, struct write *write, const struct mn_blocked *blocked, int error, int result)
{
    if (error == MNET_E_DEADLINE && mn_block_is_first(blocked, &flow->writers)) {
        result = take_turn(flow, write);
        if (!must_wait(result))
            return result;
    }
    return reason(error, result);
}

/* The flow has no writer in line any more: tells those who wait until it is ready for writing. */
static void tell_line_is_free(struct mnet_flow *flow)
{
    if (mn_list_empty(&flow->waiters) && flow->notify.call == NULL)
        return;
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    if (tcb != NULL)
        mn_tcp_post_event(flow->stack->tcp, tcb);
    else
        mn_flow_take_event(&flow->end);
    flow->stack->work = true;
}

/* Waits in line and queues the rest of a write. If *gone is set, the flow may be freed, and the
 * result is MNET_E_CLOSED. */
static int write_in_turn(struct mnet_flow *flow, struct write *write, int result, uint64_t deadline, bool *gone)
{
    struct mn_blocked blocked;
    unsigned retries = 0;
    mn_block_begin(&blocked, &flow->writers);
    blocked.lent = write->lent;
    while (must_wait(result)) {
        int error = await_turn(flow, &blocked, result, &retries, deadline);
        if (blocked.gone) {
            *gone = true;
            return MNET_E_CLOSED;
        }
        if (error < 0) {
            result = give_up(flow, write, &blocked, error, result);
            break;
        }
        if (!mn_block_is_first(&blocked, &flow->writers))
            continue;
        size_t before = write->done;
        result = take_turn(flow, write);
        if (write->done != before)
            retries = 0;
    }
    bool first = mn_block_is_first(&blocked, &flow->writers);
    mn_block_end(&blocked);
    if (first) {
        mn_flow_flush_deferred(flow);
        mn_block_wake_first(&flow->writers);
        if (mn_list_empty(&flow->writers))
            tell_line_is_free(flow);
        mn_stack_leave(flow->stack);
    }
    return result;
}

static int run_write(struct mnet_flow *flow, struct write *write, uint64_t deadline, bool *gone)
{
    *gone = false;
    int result = mn_list_empty(&flow->writers) ? take_turn(flow, write) : MNET_E_DEADLINE;
    return must_wait(result) && deadline != 0 ? write_in_turn(flow, write, result, deadline, gone) : result;
}

static int finish(int result, const struct write *write, size_t *queued)
{
    if (queued != NULL)
        *queued = write->done;
    return result;
}

int mnet_tcp_write(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    struct mnet_slice slice = {data, len};
    return mnet_tcp_writev(flow, &slice, 1, queued, deadline);
}

static bool slices_ok(const struct mnet_slice *slices, int count)
{
    if (count < 0 || (slices == NULL && count > 0))
        return false;
    for (int i = 0; i < count; i++) {
        if (slices[i].data == NULL && slices[i].len > 0)
            return false;
    }
    return true;
}

int mnet_tcp_writev(struct mnet_flow *flow, const struct mnet_slice *slices, int count, size_t *queued,
                    uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    bool gone;
    struct write write = {.slices = slices, .count = (size_t)count};
    finish(MNET_OK, &write, queued);
    if (!slices_ok(slices, count))
        return MNET_E_INVALID;
    return finish(run_write(flow, &write, deadline, &gone), &write, queued);
}

int mnet_tcp_write_lent(struct mnet_flow *flow, const void *data, size_t len, void (*release)(void *context),
                        void *context, size_t *queued, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    struct mnet_slice slice = {data, len};
    struct write write = {.slices = &slice, .count = 1, .release = release, .context = context};
    bool gone;
    finish(MNET_OK, &write, queued);
    if (release == NULL || !slices_ok(&slice, 1) || len > UINT32_MAX)
        return MNET_E_INVALID;
    if (len == 0) {
        release(context);
        return MNET_OK;
    }
    write.lent = mnet_buffer_lend(flow->stack->memory, data, len, keep, NULL);
    if (write.lent == NULL)
        return MNET_E_NO_MEMORY;
    int result = run_write(flow, &write, deadline, &gone);
    if (!gone)
        mnet_buffer_free(write.lent);
    return finish(result, &write, queued);
}

int mnet_tcp_write_urgent(struct mnet_flow *flow, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    MN_REQUIRE_FLOW(flow);
    int result = mnet_tcp_write(flow, data, len, queued, deadline);
    if (result == MNET_OK && len > 0) {
        mn_stack_enter(flow->stack);
        struct mn_tcb *tcb = mn_flow_tcb(flow);
        if (tcb != NULL)
            mn_tcp_send_urgent(flow->stack->tcp, tcb);
        mn_stack_leave(flow->stack);
    }
    return result;
}

/* ---- Writing now ---- */

/* Appends packets to the deferred ones. Returns false if memory is short. */
static bool append_deferred(struct mnet_flow *flow, struct mn_packet_queue *packets)
{
    MN_DEBUG_ASSERT(packets->count > 0);
    if (flow->deferred == NULL) {
        flow->deferred = mn_pool_alloc_zeroed(&flow->stack->deferred_pool, MN_CLAIM_SEND);
        if (flow->deferred == NULL)
            return false;
        flow->deferred->flow = flow;
    }
    mn_packet_queue_join(&flow->deferred->packets, packets);
    return true;
}

static int forget(struct mn_packet_queue *packets)
{
    mn_packet_queue_clear(packets);
    return MNET_E_NO_MEMORY;
}

/* Appends a copy of all the bytes to the deferred ones, or none of them if memory is short. */
static int defer(struct mnet_flow *flow, const uint8_t *data, size_t len)
{
    MN_DEBUG_ASSERT(len > 0);
    struct mn_packet_queue packets = {0};
    for (size_t done = 0; done < len;) {
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(flow->stack->memory, MN_MIN(len - done, MNET_BUFFER_LARGE));
        struct mnet_packet *packet = packets.last;
        if (packet == NULL || packet->fragment_count == MNET_PACKET_FRAGMENTS)
            packet = buffer != NULL ? mnet_packet_alloc_tx(flow->stack->memory) : NULL;
        if (buffer == NULL || packet == NULL) {
            mnet_buffer_free(buffer);
            return forget(&packets);
        }
        if (packet != packets.last)
            mn_packet_queue_put(&packets, packet);
        size_t piece = MN_MIN(len - done, buffer->capacity);
        mn_copy(buffer->bytes, data + done, piece);
        mnet_packet_add(packet, buffer, 0, (uint32_t)piece);
        mnet_buffer_free(buffer);
        done += piece;
    }
    return append_deferred(flow, &packets) ? MNET_OK : forget(&packets);
}

void mn_flow_free_deferred(struct mnet_flow *flow)
{
    if (flow->deferred == NULL)
        return;
    mn_list_remove(&flow->deferred->link);
    mn_packet_queue_clear(&flow->deferred->packets);
    mn_pool_free(&flow->stack->deferred_pool, flow->deferred);
    flow->deferred = NULL;
}

bool mn_flow_flush_deferred(struct mnet_flow *flow)
{
    MN_DEBUG_ASSERT(flow->deferred == NULL || flow->deferred->flow == flow);
    struct mnet_stack *stack = flow->stack;
    struct mn_deferred *deferred = flow->deferred;
    for (struct mnet_packet *packet; deferred != NULL && (packet = deferred->packets.first) != NULL;) {
        const struct mnet_fragment piece = packet->fragments[0];
        struct mn_tcb *tcb = mn_flow_tcb(flow);
        int queued = tcb == NULL
                         ? no_tcb_error(flow)
                         : mn_tcp_send_buffer(stack->tcp, tcb, piece.buffer, piece.offset, piece.len, true, stack->now);
        if (queued == MNET_E_NO_MEMORY) {
            if (!mn_list_linked(&deferred->link))
                mn_list_append(&stack->short_deferred, &deferred->link);
            stack->work = true;
            return false;
        }
        if (queued < 0)
            break; /* the connection has ended, so nothing is sent any more */
        mnet_packet_pull(packet, piece.len);
        if (packet->total > 0)
            continue;
        mnet_packet_free(mn_packet_queue_take(&deferred->packets));
    }
    if (deferred != NULL) {
        mn_flow_free_deferred(flow);
        tell_line_is_free(flow);
    }
    return true;
}

int mnet_tcp_write_now(struct mnet_flow *flow, const void *data, size_t len)
{
    MN_REQUIRE_FLOW(flow);
    struct mnet_stack *stack = flow->stack;
    if (data == NULL && len > 0)
        return MNET_E_INVALID;
    if (len == 0)
        return MNET_OK;
    mn_stack_enter(stack);
    if (!mn_list_empty(&flow->writers) || flow->deferred != NULL)
        return defer(flow, data, len);
    struct mn_tcb *tcb = mn_flow_tcb(flow);
    ptrdiff_t queued = MN_LIKELY(tcb != NULL) ? mn_tcp_send(stack->tcp, tcb, data, len, true, stack->now)
                                              : no_tcb_error(flow);
    mn_stack_leave(stack);
    mn_stack_transmit(stack);
    return queued < 0 ? (int)queued : MNET_OK;
}
