/* No HTTP/2. */
#include "http2.h"

const bool http2_spoken = false;

void http2_serve(struct client *client, struct mnet_slice rest)
{
    (void)client;
    (void)rest;
}
