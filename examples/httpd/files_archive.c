/* Files that are part of the program, for machines without folders: scripts/pages.py writes them
 * and their list. */
#include <string.h>

#include "files.h"

struct archived {
    const char *path;
    const char *etag;
    const char *bytes;
    uint64_t size;
};

extern const struct archived httpd_archive[];
extern const uint64_t httpd_archive_count;

const char files_usage[] = "";

/* There is one archive; it has no name. */
bool files_open(const char *where)
{
    return where == NULL;
}

void files_close(void)
{
}

enum file_result file_open(const char *path, struct file *file)
{
    size_t len = strlen(path);
    for (uint64_t i = 0; i < httpd_archive_count; i++) {
        const char *candidate = httpd_archive[i].path;
        if (strncmp(candidate, path, len) != 0)
            continue;
        if (candidate[len] == '\0') {
            *file = (struct file){.size = httpd_archive[i].size, .handle = (intptr_t)i};
            memcpy(file->etag, httpd_archive[i].etag, strlen(httpd_archive[i].etag) + 1);
            return FILE_OPENED;
        }
        if (len == 0 || candidate[len] == '/')
            return FILE_IS_FOLDER;
    }
    return FILE_MISSING;
}

ptrdiff_t file_read(const struct file *file, uint64_t offset, void *buffer, size_t len)
{
    const struct archived *archived = &httpd_archive[file->handle];
    if (offset >= archived->size)
        return 0;
    if (len > archived->size - offset)
        len = (size_t)(archived->size - offset);
    memcpy(buffer, archived->bytes + offset, len);
    return (ptrdiff_t)len;
}

void file_close(struct file *file)
{
    (void)file;
}
