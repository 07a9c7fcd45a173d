#include "tcp/queue/reassembly.h"

#include "base/list.h"
#include "base/sequence.h"

static struct mn_run *run_of(struct mnet_link *link)
{
    return MN_CONTAINER(link, struct mn_run, link);
}

static struct mn_run *last_run(const struct mn_tcp_reassembly *r)
{
    struct mnet_link *link = mn_list_last(&r->runs);
    return link == NULL ? NULL : run_of(link);
}

/* Does nothing if the run is not linked yet. */
static void unlink_recent(struct mn_tcp_reassembly *r, struct mn_run *run)
{
    MN_DEBUG_ASSERT(run->older == NULL || run->older->newer == run);
    MN_DEBUG_ASSERT(run->newer == NULL || run->newer->older == run);
    if (run->newer != NULL)
        run->newer->older = run->older;
    else if (r->newest == run)
        r->newest = run->older;
    if (run->older != NULL)
        run->older->newer = run->newer;
    run->newer = run->older = NULL;
}

static void drop_run(struct mn_tcp_reassembly *r, struct mn_pool *runs, struct mn_run *run)
{
    MN_DEBUG_ASSERT(r->pinned >= run->packets.pinned + runs->object_size);
    MN_DEBUG_ASSERT(r->count > 0 && r->bytes >= run->len && r->pieces >= run->pieces);
    mn_list_remove(&run->link);
    unlink_recent(r, run);
    r->count--;
    r->pieces -= run->pieces;
    r->bytes -= run->len;
    r->pinned -= run->packets.pinned + runs->object_size;
    mn_packet_list_free(&run->packets);
    mn_pool_free(runs, run);
}

/* Returns the last run that begins at or before `seq`. It is mostly the last of all, so the search
 * begins there. */
static struct mn_run *run_before(const struct mn_tcp_reassembly *r, uint32_t seq)
{
    for (struct mnet_link *at = mn_list_last(&r->runs); at != NULL && at != &r->runs; at = at->prev) {
        if (mn_seq_leq(run_of(at)->seq, seq))
            return run_of(at);
    }
    return NULL;
}

static struct mn_run *run_after(const struct mn_tcp_reassembly *r, const struct mn_run *before)
{
    struct mnet_link *at = before == NULL ? mn_list_first(&r->runs) : before->link.next;
    return at == NULL || at == &r->runs ? NULL : run_of(at);
}

/* A segment belonged to this run. */
static void touch(struct mn_tcp_reassembly *r, struct mn_run *run)
{
    if (r->newest == run)
        return;
    unlink_recent(r, run);
    run->older = r->newest;
    if (run->older != NULL)
        run->older->newer = run;
    r->newest = run;
    MN_DEBUG_ASSERT(r->newest == run && run->newer == NULL);
}

static void extend_run(struct mn_tcp_reassembly *r, struct mn_run *run, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(packet->total > 0);
    touch(r, run);
    run->len += packet->total;
    r->bytes += packet->total;
    const struct mnet_packet *tail = run->packets.tail;
    size_t before = run->packets.pinned;
    mn_packet_list_append(&run->packets, packet);
    r->pinned += run->packets.pinned - before;
    for (const struct mnet_packet *added = tail == NULL ? run->packets.head : tail->next; added != NULL;
         added = added->next) {
        run->pieces++;
        r->pieces++;
    }
    MN_DEBUG_ASSERT(run->pieces <= r->pieces && run->len <= r->bytes);
}

/* A packet pins some 2 KiB, with any contents. In order, small ones are copied together. In any
 * other order they are not, so their number is limited. */
static bool too_many_pieces(const struct mn_tcp_reassembly *r)
{
    return r->pieces >= r->count + MN_REASSEMBLY_SPARE + r->bytes / MN_REASSEMBLY_PIECE;
}

static void join_runs(struct mn_tcp_reassembly *r, struct mn_pool *runs, struct mn_run *run, struct mn_run *next)
{
    MN_DEBUG_ASSERT(run->seq + run->len == next->seq && run->link.next == &next->link);
    mn_packet_list_splice(&run->packets, &next->packets);
    run->len += next->len;
    run->pieces += next->pieces;
    r->pieces += next->pieces; /* drop_run subtracts these again */
    r->bytes += next->len;
    drop_run(r, runs, next);
}

static struct mn_run *new_run(struct mn_tcp_reassembly *r, struct mn_pool *runs, struct mn_run *before, uint32_t seq)
{
    MN_DEBUG_ASSERT(before == NULL || mn_seq_lt(before->seq + before->len, seq));
    if (r->count >= MN_REASSEMBLY_RUNS) {
        struct mn_run *furthest = last_run(r);
        if (furthest == before)
            return NULL;
        drop_run(r, runs, furthest);
    }
    struct mn_run *run = mn_pool_alloc_zeroed(runs, MN_CLAIM_QUEUE);
    if (run == NULL)
        return NULL;
    r->pinned += runs->object_size;
    run->seq = seq;
    if (before == NULL)
        mn_list_prepend(&r->runs, &run->link);
    else
        mn_list_insert_before(before->link.next, &run->link);
    r->count++;
    return run;
}

/* Records the range, unless one is recorded already. */
static void note_duplicate(struct mn_range *duplicate, uint32_t left, uint32_t right)
{
    if (duplicate->left == duplicate->right)
        *duplicate = (struct mn_range){left, right};
}

bool mn_tcp_reassembly_insert(struct mn_tcp_reassembly *r, struct mn_pool *runs, uint32_t seq,
                              struct mnet_packet *packet, struct mn_range *duplicate)
{
    MN_DEBUG_ASSERT(packet->total > 0 && r->count <= MN_REASSEMBLY_RUNS);
    struct mn_run *before = run_before(r, seq);
    *duplicate = (struct mn_range){0, 0};
    if (before != NULL && mn_seq_gt(before->seq + before->len, seq)) {
        uint32_t overlap = before->seq + before->len - seq;
        note_duplicate(duplicate, seq, seq + MN_MIN(overlap, packet->total));
        if (overlap >= packet->total) {
            touch(r, before);
            mnet_packet_free(packet);
            return true;
        }
        mnet_packet_pull(packet, overlap);
        seq += overlap;
    }
    struct mn_run *next;
    uint32_t runs_before = r->count;
    while ((next = run_after(r, before)) != NULL && mn_seq_leq(next->seq + next->len, seq + packet->total)) {
        note_duplicate(duplicate, next->seq, next->seq + next->len);
        drop_run(r, runs, next);
    }
    if (next != NULL && mn_seq_lt(next->seq, seq + packet->total)) {
        note_duplicate(duplicate, next->seq, seq + packet->total);
        mnet_packet_trim(packet, next->seq - seq);
    }

    /* One piece replaces one or more. */
    bool covers = r->count < runs_before && packet->more == NULL;
    if (!covers && too_many_pieces(r)) {
        mnet_packet_free(packet);
        return false;
    }
    bool joins_next = next != NULL && next->seq == seq + packet->total;
    struct mn_run *run = before != NULL && before->seq + before->len == seq ? before : new_run(r, runs, before, seq);
    if (run == NULL) {
        mnet_packet_free(packet);
        return false;
    }
    MN_DEBUG_ASSERT(run->seq + run->len == seq);
    extend_run(r, run, packet);
    next = run_after(r, run); /* the limit on runs may have dropped the one found before */
    if (joins_next && next != NULL)
        join_runs(r, runs, run, next);
    return true;
}

/* Takes up to `skip` bytes off the front of a run. */
static void skip_bytes(struct mn_tcp_reassembly *r, struct mn_run *run, uint32_t skip)
{
    r->pinned -= run->packets.pinned;
    while (skip > 0 && run->packets.head != NULL) {
        uint32_t n = MN_MIN(skip, run->packets.head->total);
        skip -= n;
        run->seq += n;
        run->len -= n;
        r->bytes -= n;
        mn_packet_list_skip(&run->packets, n);
    }
    r->pinned += run->packets.pinned;
}

uint32_t mn_tcp_reassembly_take(struct mn_tcp_reassembly *r, struct mn_pool *runs, uint32_t rcv_nxt,
                                struct mn_packet_list *to)
{
    uint32_t taken = 0;
    struct mnet_link *link;
    while ((link = mn_list_first(&r->runs)) != NULL) {
        struct mn_run *run = run_of(link);
        if (mn_seq_gt(run->seq, rcv_nxt + taken))
            break;
        skip_bytes(r, run, rcv_nxt + taken - run->seq);
        taken += run->len;
        r->pinned -= run->packets.pinned;
        mn_packet_list_splice(to, &run->packets);
        drop_run(r, runs, run);
    }
    return taken;
}

void mn_tcp_reassembly_clear(struct mn_tcp_reassembly *r, struct mn_pool *runs)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&r->runs)) != NULL)
        drop_run(r, runs, run_of(link));
    MN_DEBUG_ASSERT(r->count == 0 && r->bytes == 0 && r->pieces == 0 && r->pinned == 0 && r->newest == NULL);
}

void mn_tcp_reassembly_prune(struct mn_tcp_reassembly *r, struct mn_pool *runs)
{
    size_t keep = r->pinned / 2;
    for (struct mn_run *run; r->pinned > keep && (run = last_run(r)) != NULL;)
        drop_run(r, runs, run);
}
