/* The entry point of programs that run as a Linux process on a TAP interface, or through passt. */
#include <stdio.h>

#include "ports/hosted/hosted.h"
#include "ports/passt/passt.h"
#include "ports/tap/tap_internal.h"

static struct mnet_device *open_device(const struct mn_device_request *request, const struct mn_options *options,
                                       struct mn_queue *queue, char *why, size_t why_size)
{
    if (request->host == NULL) {
        snprintf(why, why_size, "which TAP interface is \"%s\"? Say --net:%s=tap0, or another name", request->name,
                 request->name);
        return NULL;
    }
    if (mn_passt_meant(request->host) && queue != NULL) {
        snprintf(why, why_size, "passt has one queue: --cores wants a TAP interface");
        return NULL;
    }
    if (mn_passt_meant(request->host))
        return mn_passt_open(request->host, why, why_size);
    struct mnet_tap_options tap_options = {
        .no_checksum_offload = options->config.no_checksum_offload,
        .no_segmentation_offload = options->config.no_segmentation_offload,
    };
    struct mnet_device *device;
    mn_tap_open(request->host, &tap_options, queue, &device, why, why_size);
    return device;
}

int main(int argc, char **argv)
{
    static const struct mn_hosted_port tap_port = {open_device};
    return mn_hosted_main(&tap_port, argc, argv);
}
