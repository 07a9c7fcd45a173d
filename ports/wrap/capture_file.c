/* Captures into files, on ports that have files. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mnet/capture.h>

struct capture_file {
    struct mnet_capture capture;
    FILE *file;
    uint64_t (*now)(void *context);
    void *now_context;
};

static bool file_write(void *context, const void *bytes, size_t len)
{
    struct capture_file *capture = context;
    return fwrite(bytes, 1, len, capture->file) == len;
}

static uint64_t file_now(void *context)
{
    struct capture_file *capture = context;
    if (capture->now != NULL)
        return capture->now(capture->now_context);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec;
}

static void file_close(void *context)
{
    struct capture_file *capture = context;
    fclose(capture->file);
    free(capture);
}

struct mnet_device *mnet_capture_open_file(const char *path, struct mnet_device *inner, uint64_t (*now)(void *context),
                                           void *context)
{
    struct capture_file *capture = calloc(1, sizeof *capture);
    if (capture == NULL)
        return NULL;
    capture->file = fopen(path, "wb");
    if (capture->file == NULL) {
        free(capture);
        return NULL;
    }
    capture->now = now;
    capture->now_context = context;
    struct mnet_capture_options options = {file_write, file_close, file_now, capture};
    return mnet_capture_init(&capture->capture, inner, &options);
}
