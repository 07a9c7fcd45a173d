/* The entry point of programs that run as a Linux process on an existing interface. */
#include <stdio.h>

#include "ports/hosted/hosted.h"
#include "ports/packet/packet_internal.h"

static struct mnet_device *open_packet_socket(const struct mn_device_request *request, const struct mn_options *options,
                                              struct mn_queue *queue, char *why, size_t why_size)
{
    if (request->host == NULL) {
        snprintf(why, why_size, "which interface is \"%s\"? Say --net:%s=eth0, or another name", request->name,
                 request->name);
        return NULL;
    }
    struct mnet_packet_socket_options socket_options = {
        .no_checksum_offload = options->config.no_checksum_offload,
        .no_segmentation_offload = options->config.no_segmentation_offload,
    };
    struct mnet_device *device;
    mn_packet_socket_open(request->host, &socket_options, queue, &device, why, why_size);
    return device;
}

int main(int argc, char **argv)
{
    static const struct mn_hosted_port packet_port = {open_packet_socket};
    return mn_hosted_main(&packet_port, argc, argv);
}
