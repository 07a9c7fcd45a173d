/* A peer that is never content.
 */
#ifndef MN_TEST_TLS_NAG_H
#define MN_TEST_TLS_NAG_H

#include <mnet/tls.h>

/* Sends a message that the peer has to answer, and that nothing here waits for. Returns 0,
 * MNET_E_DEADLINE if the stream does not take it now, or another error. */
int tls_nag(struct mnet_tls *tls, struct mnet_stream stream);

#endif
