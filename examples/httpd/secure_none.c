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

/* The small server asks nobody. */
void secure_set_clock(struct mnet_stack *stack)
{
    (void)stack;
}

int secure_accept(struct mnet_stream *stream, uint64_t deadline, bool *two)
{
    (void)stream;
    (void)deadline;
    *two = false;
    return 0;
}
