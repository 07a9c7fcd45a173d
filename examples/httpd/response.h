/* Answers: a head, and the file or a short text behind it. */
#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include <mnet/mnet.h>

#include "files.h"
#include "request.h"

#define RESPONSE_PATIENCE (60 * MNET_SECOND) /* a client that takes nothing for this long is given up */

/* Answers a complete or broken request. 0, or an error of the connection, which cannot be used any more then. Suspends. */
int response_send(struct mnet_flow *flow, struct request *request);

#endif
