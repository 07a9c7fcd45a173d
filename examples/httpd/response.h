/* Answers: a head, and the file or a part of it or a short text behind it. */
#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include <mnet/mnet.h>

#include "client.h"
#include "files.h"
#include "request.h"

/* Answers a complete or refused request. 0, or an error of the connection, which cannot be used any
 * more then. Suspends. */
int response_send(struct client *client, struct request *request);

/* "Not Found", ...; the media type by the ending of a name. Static. */
const char *status_reason(int status);
const char *media_type(const char *path);

#endif
