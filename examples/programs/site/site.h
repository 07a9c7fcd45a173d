/* A web server whose pages are made by a script in Lua from a database of SQLite: the parts, among
 * themselves. */
#ifndef SITE_H
#define SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* ---- pages.c ---- */

/* Opens the script and the database in a folder. False after saying why. */
bool pages_open(const char *folder);

/* A page, in memory of its own. */
struct page {
    int status;
    char type[64]; /* of its text, such as "text/html" */
    char *text;
    size_t len;
};

/* Makes the page of a path. */
void page_make(struct page *page, const char *path);
void page_free(struct page *page);

/* ---- secure_none.c, or secure_tls.c ---- */

struct secure; /* what TLS keeps of a connection */

/* Reads the certificate and its key. False after saying why. */
bool secure_open(const char *certificate, const char *key);
/* Begins to serve a connection; NULL: there is no memory. */
struct secure *secure_begin(int fd);
void secure_end(struct secure *secure);
/* As read and write. With EAGAIN, *wants_room says whether the connection must become writable. */
ssize_t secure_read(struct secure *secure, void *buffer, size_t len, bool *wants_room);
ssize_t secure_write(struct secure *secure, const void *data, size_t len, bool *wants_room);

#endif
