/* Memory for engines. Regions of the usual size are used again, because new pages cost more than
 * most scripts do. Between two uses the sanitizer treats them as free. */
#ifndef TESTS_TCP_REGION_H
#define TESTS_TCP_REGION_H

#include <stddef.h>

#define TCP_REGION ((size_t)64 << 20) /* the usual size */

void *tcp_take_region(size_t size);
void tcp_give_region(void *region, size_t size);

#endif
