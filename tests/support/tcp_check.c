#include "tests/support/tcp_check.h"

static bool is_received(const struct mn_tcb *tcb, struct mn_tcp_sack_block block)
{
    const struct mn_run *run = tcb->reassembly == NULL ? NULL : tcb->reassembly->newest;
    while (run != NULL && !(mn_seq_geq(block.left, run->seq) && mn_seq_leq(block.right, run->seq + run->len)))
        run = run->older;
    return run != NULL || mn_seq_lt(block.left, tcb->rcv_nxt);
}

void tcp_check_sack(const struct mn_tcb *tcb, const struct mn_tcp_header *header)
{
    for (int i = 0; header->options & MN_TCP_OPTION_SACK && i < header->sack_count; i++)
        MN_ASSERT(is_received(tcb, header->sack[i]));
}

static uint64_t digest = MN_TEST_DIGEST_EMPTY;

static void digest_bytes(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
}

void tcp_digest_begin(uint64_t from)
{
    digest = from;
}

void tcp_digest_segment(const struct mn_datagram *datagram, uint16_t gso_size, const uint8_t *bytes, uint32_t len,
                        uint64_t now)
{
    digest = (digest ^ now) * UINT64_C(0x100000001b3);
    digest = (digest ^ (uint64_t)gso_size << 1 ^ datagram->dont_fragment) * UINT64_C(0x100000001b3);
    digest_bytes(&datagram->source, sizeof datagram->source);
    digest_bytes(&datagram->destination, sizeof datagram->destination);
    digest_bytes(&datagram->ttl, 1);
    digest_bytes(&datagram->traffic_class, 1);
    digest_bytes(bytes, len);
}

uint64_t tcp_digest(void)
{
    return digest;
}
