/* The blocks describe the runs of the reassembly queue. The run of the latest segment is first, so
 * each block is repeated in at least as many acknowledgements as there is room for blocks (RFC 2018
 * 4). The range received twice comes before them, once (RFC 2883 4), if it is still there: the peer
 * takes a block above the acknowledgement for an ordinary one, unless the next one contains it.
 * Every segment has the blocks while there are holes, data segments too, which get shorter for it.
 */
#include "tcp/sack.h"

#include "tcp/tcb.h"

MN_RARE void mn_sack_note_duplicate(struct mn_tcb *tcb, uint32_t left, uint32_t right)
{
    struct mn_range *twice = &tcb->twice;
    if (!tcb->sack_ok || left == right)
        return;
    /* Several segments before one acknowledgement. */
    if (twice->left != twice->right && twice->right == left)
        twice->right = right;
    else
        *twice = (struct mn_range){left, right};
}

void mn_sack_note_overlap(struct mn_tcb *tcb)
{
    struct mnet_link *first = mn_list_first(&tcb->reassembly->runs);
    const struct mn_run *run = first == NULL ? NULL : MN_CONTAINER(first, struct mn_run, link);
    if (run != NULL && mn_seq_lt(run->seq, tcb->rcv_nxt))
        mn_sack_note_duplicate(tcb, run->seq, mn_seq_min(run->seq + run->len, tcb->rcv_nxt));
}

/* Returns whether the range received twice is still there: acknowledged, or in a run, mostly the
 * newest. Text that waited for memory, or for room among the runs, may have been thrown away
 * since. */
static MN_RARE bool is_held(const struct mn_tcb *tcb, struct mn_range range)
{
    bool held = mn_seq_lt(range.left, tcb->rcv_nxt);
    const struct mn_run *run = tcb->reassembly == NULL ? NULL : tcb->reassembly->newest;
    for (; run != NULL && !held; run = run->older)
        held = mn_seq_geq(range.left, run->seq) && mn_seq_leq(range.right, run->seq + run->len);
    return held;
}

MN_APART void mn_sack_report(struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    uint8_t count = 0;
    if (tcb->twice.left != tcb->twice.right) {
        if (is_held(tcb, tcb->twice))
            header->sack[count++] = (struct mn_tcp_sack_block){tcb->twice.left, tcb->twice.right};
        tcb->twice.right = tcb->twice.left;
    }
    const struct mn_run *newest = tcb->reassembly == NULL ? NULL : tcb->reassembly->newest;
    for (const struct mn_run *run = newest; run != NULL && count < MN_TCP_SACK_BLOCKS; run = run->older)
        header->sack[count++] = (struct mn_tcp_sack_block){run->seq, run->seq + run->len};
    header->sack_count = count;
    if (count > 0)
        header->options |= MN_TCP_OPTION_SACK;
}

MN_RARE uint32_t mn_sack_bytes(const struct mn_tcp_header *header)
{
    struct mn_tcp_header without = *header;
    without.options &= (uint8_t)~MN_TCP_OPTION_SACK;
    return (uint32_t)(mn_tcp_header_length(header) - mn_tcp_header_length(&without));
}
