/* Buffers that grow by themselves, and give unused room back.
 *
 * Receiving (dynamic right-sizing): in each round trip the bytes that the user reads are counted. A
 * sender in slow start sends twice as many in the next one, and its window must not end at ours. So
 * the target is twice the bytes read, and four times the growth since the round trip before. The
 * target shrinks if it was four times too large for a while, at once if nothing was read for a
 * second, and if received data pins three quarters of its budget. It grows only while that is less
 * than half. An announced window is never taken back (SHLD-14): a smaller target only means that
 * the right edge stays until the window has shrunk to it.
 *
 * The round trip is the sending side's estimate, which the handshake began. Programs read in
 * batches. A batch may take longer than a round trip and be as large as the window that let it
 * arrive. The part of the result beyond BATCH_MAX is scaled down to one round trip. Otherwise
 * queues that only exist because of the window would make it grow without end.
 *
 * Sending: the limit is three windows, a window being the smaller of cwnd and SND.WND: one in
 * flight, and enough behind it that the queue does not run dry before a writer that is woken at
 * half has written more. Beyond BATCH_MAX only the part of the window counts that does not just
 * wait in queues on the path. The smallest round trip, compared with the usual one, gives that
 * part. A queue of MN_SEND_INITIAL is always allowed while half of the memory is free. Beyond that
 * a sixteenth of the rest is allowed.
 *
 * A user who has set a size gets it: then nothing grows or shrinks by itself, but a send queue
 * still shares what is left while memory is short.
 */
#include "tcp/autotune.h"
#include "tcp/tcb.h"
#include "tcp/window.h"

#define SEND_WINDOWS 3u
#define SEND_LEAST 4096u
#define SEND_SHARES 16u

#define ROUND_TRIP_MIN (50 * MNET_MICROSECOND)
#define STEADY MNET_MILLISECOND /* differences between shorter times are chance */
#define ROUND_TRIP_UNKNOWN MNET_SECOND
#define IDLE MNET_SECOND
#define LOW_MAX 16u
#define BATCH_MAX (1u << 20)

/* If half of the memory is in use, no queue needs more than at first. As the rest shrinks, so does
 * every connection's share of it. */
static MN_RARE uint64_t share_of_the_rest(const struct mnet_memory *memory)
{
    uint64_t floor = mn_memory_floor(memory, MN_CLAIM_QUEUE);
    uint64_t left = memory->free_slabs > floor ? (memory->free_slabs - floor) * MN_SLAB_BYTES : 0;
    return MN_MIN(MN_MAX(left / SEND_SHARES, (uint64_t)SEND_LEAST), (uint64_t)MN_SEND_INITIAL);
}

uint32_t mn_tcb_send_limit(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    const struct mnet_memory *memory = tcp->config.memory;
    uint32_t window = MN_MIN(tcb->flight.congestion.cwnd, tcb->max_snd_wnd);
    uint64_t wanted = MN_MAX((uint64_t)SEND_WINDOWS * window, (uint64_t)MN_SEND_INITIAL);
    uint64_t least_ns = tcb->flight.loss.rack.min_rtt_us * MNET_MICROSECOND;
    if (wanted > BATCH_MAX && least_ns > 0 && least_ns < tcb->flight.rtt.srtt_ns)
        wanted = MN_MAX(wanted * tcb->flight.loss.rack.min_rtt_us / (tcb->flight.rtt.srtt_ns / MNET_MICROSECOND),
                        (uint64_t)BATCH_MAX);
    uint64_t most = tcp->config.user.send_buffer;
    if (MN_UNLIKELY(tcb->limited) && tcb->rare.limits->send_buffer != 0)
        wanted = most = tcb->rare.limits->send_buffer;
    if (MN_UNLIKELY(memory->free_slabs < memory->slab_count / 2))
        wanted = share_of_the_rest(memory);
    return (uint32_t)MN_MIN(wanted, most);
}

static uint64_t round_trip(const struct mn_tcb *tcb)
{
    uint64_t srtt = tcb->flight.rtt.srtt_ns;
    return srtt == 0 ? ROUND_TRIP_UNKNOWN : MN_MAX(srtt, ROUND_TRIP_MIN);
}

static uint32_t smaller(const struct mn_tcp *tcp, uint32_t target)
{
    return MN_MAX(target / 2, MN_MIN(MN_WINDOW_INITIAL, tcp->config.user.receive_buffer));
}

/* Returns the target of a single measurement. */
static uint64_t needed(const struct mn_autotune *a, uint64_t rtt, uint64_t elapsed)
{
    bool steady = rtt < STEADY || a->read < a->read_before;
    uint64_t growth = steady ? 0 : a->read - a->read_before;
    uint64_t batch = 2 * (uint64_t)a->read + 4 * growth;
    uint64_t scaled = batch * (rtt / MNET_MICROSECOND) / (elapsed / MNET_MICROSECOND);
    return MN_MAX(MN_MIN(batch, (uint64_t)BATCH_MAX), scaled);
}

static uint32_t adjust(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t rtt, uint64_t elapsed)
{
    struct mn_autotune *a = &tcb->autotune;
    uint32_t target = tcb->rcv_target;
    uint64_t wanted = needed(a, rtt, elapsed);
    tcb->rare.rcv_low = wanted < target / 4 ? (uint8_t)(tcb->rare.rcv_low + 1) : 0;
    if (tcp->receive_used > tcp->receive_budget / 4 * 3)
        return smaller(tcp, target);
    if (tcb->rare.rcv_low >= LOW_MAX) {
        tcb->rare.rcv_low = 0;
        return smaller(tcp, target);
    }
    if (wanted > target && tcp->receive_used < tcp->receive_budget / 2)
        return (uint32_t)MN_MIN(wanted, (uint64_t)mn_window_largest(tcp, tcb));
    return target;
}

/* A round trip has passed since the last measurement. */
static MN_APART void measure(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t rtt, uint64_t now)
{
    struct mn_autotune *a = &tcb->autotune;
    uint64_t elapsed = now - a->since_ns;
    if (elapsed < rtt + IDLE) {
        tcb->rcv_target = adjust(tcp, tcb, rtt, elapsed);
        a->read_before = a->read;
    } else {
        tcb->rcv_target = MN_MIN(tcb->rcv_target, smaller(tcp, 0));
        a->read_before = tcb->rare.rcv_low = 0;
    }
    a->read = 0;
    a->since_ns = now;
}

void mn_autotune_read(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now)
{
    struct mn_autotune *a = &tcb->autotune;
    if (MN_UNLIKELY(tcb->limited) && tcb->rare.limits->receive_buffer != 0)
        return;
    uint64_t rtt = round_trip(tcb);
    a->read += MN_MIN(bytes, UINT32_MAX - a->read);
    if (MN_UNLIKELY(now - a->since_ns >= rtt))
        measure(tcp, tcb, rtt, now);
}
