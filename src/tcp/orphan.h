/* Connections whose user has closed: see orphan.c. */
#ifndef MN_TCP_ORPHAN_H
#define MN_TCP_ORPHAN_H

#include "tcp/tcb.h"

/* The user has closed, and the connection goes on. */
void mn_orphan_add(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* The peer has acknowledged something. */
void mn_orphan_note_progress(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* The orphan is over. Allowed for any tcb. */
void mn_orphan_remove(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
