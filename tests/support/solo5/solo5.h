/* The part of Solo5's interface that ports/solo5/device.c uses, for tests on machines without
 * Solo5. The test defines the functions. */
#ifndef SOLO5_FOR_TESTS_H
#define SOLO5_FOR_TESTS_H

#include <stddef.h>
#include <stdint.h>

#define SOLO5_NET_HLEN 14

typedef enum {
    SOLO5_R_OK,
    SOLO5_R_AGAIN,
    SOLO5_R_EINVAL,
    SOLO5_R_EUNSPEC
} solo5_result_t;
typedef uint64_t solo5_time_t, solo5_handle_t, solo5_handle_set_t;

struct solo5_net_info {
    uint8_t mac_address[6];
    size_t mtu;
};

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info);
solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *to, size_t size, size_t *len);
solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *from, size_t size);
solo5_time_t solo5_clock_monotonic(void);
void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready);

#endif
