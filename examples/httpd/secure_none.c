/* No TLS. */
#include "secure.h"

const struct mnet_program_option httpd_options[] = {HTTPD_OPTIONS, {NULL, NULL, NULL}};

int secure_open(struct mnet_env *env)
{
    (void)env;
    return 0;
}

void secure_close(void)
{
}

int secure_accept(struct mnet_stream *stream, uint64_t deadline, bool *two)
{
    (void)stream;
    (void)deadline;
    *two = false;
    return 0;
}
