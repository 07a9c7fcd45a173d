/* The source of the server's files: a folder on ports that have folders, an archive in the
 * program on others. */
#ifndef HTTPD_FILES_H
#define HTTPD_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_ETAG_MAX 80 /* with its zero */

/* An open file. */
struct file {
    uint64_t size;
    char etag
        /* The entity tag of its bytes (RFC 9110 8.8.3), quotation marks included; W/ in front if it
         * is weak. */
        [FILE_ETAG_MAX];
    intptr_t handle; /* of whoever implements this */
};

enum file_result {
    FILE_OPENED,
    FILE_MISSING,
    FILE_FORBIDDEN,
    FILE_IS_FOLDER,
    FILE_BUSY, /* too many files are open */
};

/* Chooses the folder that later calls look in; NULL: the archive. False if there is none of that
 * name. */
bool files_open(const char *where);
/* The argument, as the usage describes it. */
extern const char files_usage[];
void files_close(void);

/* Opens a regular file. `path` is relative, has no leading '/', and no component is "", "." or
 * ".."; nothing outside the folder is reached by symbolic links either. "" is the folder itself. */
enum file_result file_open(const char *path, struct file *file);
/* Reads up to `len` bytes from `offset`. Returns the count: less than `len` at the end of the file
 * only; -1 if the file cannot be read. */
ptrdiff_t file_read(const struct file *file, uint64_t offset, void *buffer, size_t len);
void file_close(struct file *file);

#endif
