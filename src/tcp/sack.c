/* The blocks describe the runs of the reassembly queue, the one that the latest segment fell into first, so that each block is repeated in at least as
 * many acknowledgements as fit blocks (RFC 2018 4). In front of them goes, once, the range that arrived twice (RFC 2883 4). Every segment says it while
 * there are holes, data segments too, which get shorter for it.
 */
#include "tcp/sack.h"

#include "tcp/tcb.h"

MN_RARE void mn_sack_duplicate(struct mn_tcb *tcb, uint32_t left, uint32_t right)
{
    struct mn_range *twice = &tcb->twice;
    if (!tcb->sack_ok || left == right)
        return;
    if (twice->left != twice->right && twice->right == left) /* several segments before one acknowledgement */
        twice->right = right;
    else
        *twice = (struct mn_range){left, right};
}

void mn_sack_overlap(struct mn_tcb *tcb)
{
    struct mnet_link *first = mn_list_first(&tcb->reassembly->runs);
    const struct mn_run *run = first == NULL ? NULL : MN_CONTAINER(first, struct mn_run, link);
    if (run != NULL && mn_seq_lt(run->seq, tcb->rcv_nxt))
        mn_sack_duplicate(tcb, run->seq, mn_seq_min(run->seq + run->len, tcb->rcv_nxt));
}

MN_APART void mn_sack_report(struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    uint8_t count = 0;
    if (tcb->twice.left != tcb->twice.right) {
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
