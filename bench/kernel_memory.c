/* Memory of the kernel's connections, from its own account. */
#include "bench/kernel_memory.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static double kernel_slab_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    double kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Slab: %lf", &kib) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

double bench_kernel_idle_bytes(void)
{
    struct rlimit files = {0, 0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    unsigned most = files.rlim_cur > 4100 ? 2000 : (unsigned)(files.rlim_cur / 2 - 40);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int *ends = calloc(2ul * most, sizeof *ends);
    bool ok = ends != NULL && bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 100) == 0 &&
              getsockname(listener, (struct sockaddr *)&address, &len) == 0;
    double before = kernel_slab_bytes();
    unsigned count = 0;
    while (ok && count < 2 * most) {
        ends[count] = socket(AF_INET, SOCK_STREAM, 0);
        ok = connect(ends[count], (struct sockaddr *)&address, len) == 0;
        ends[count + 1] = accept(listener, NULL, NULL);
        ok = ok && ends[count + 1] >= 0;
        count += 2;
    }
    double bytes = ok ? (kernel_slab_bytes() - before) / count : 0;
    for (unsigned i = 0; i < count; i++)
        close(ends[i]);
    close(listener);
    free(ends);
    return bytes > 0 ? bytes : 0;
}
