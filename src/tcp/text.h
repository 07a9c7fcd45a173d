/* The text and the FIN of a segment: see text.c. */
#ifndef MN_TCP_TEXT_H
#define MN_TCP_TEXT_H

#include "tcp/tcb.h"

static inline uint32_t mn_text_len(const struct mn_segment *seg)
{
    return seg->text == NULL ? 0 : seg->text->total;
}
/* The caller owns the packet then. */
static inline struct mnet_packet *mn_text_take(struct mn_segment *seg)
{
    struct mnet_packet *text = seg->text;
    seg->text = NULL;
    return text;
}

/* The seventh and the eighth check of 3.10.7.4. The tcb may be gone afterwards. */
void mn_text_and_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg);
/* Does the same for text without FIN, of a calm connection: the next in order, within the
 * window. */
void mn_text_expected(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg);

#endif
