/* Connections with TLS, by OpenSSL, if there is a certificate; otherwise without. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "site.h"

struct secure {
    int fd;
    SSL *ssl; /* NULL: without */
};

static SSL_CTX *context;

bool secure_open(const char *certificate, const char *key)
{
    if (certificate == NULL)
        return true;
    context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && SSL_CTX_use_certificate_chain_file(context, certificate) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1) {
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
        return true;
    }
    ERR_print_errors_fp(stderr);
    return false;
}

struct secure *secure_begin(int fd)
{
    struct secure *secure = calloc(1, sizeof *secure);
    if (secure == NULL)
        return NULL;
    secure->fd = fd;
    if (context == NULL)
        return secure;
    secure->ssl = SSL_new(context);
    if (secure->ssl == NULL || SSL_set_fd(secure->ssl, fd) != 1) {
        secure_end(secure);
        return NULL;
    }
    SSL_set_accept_state(secure->ssl);
    return secure;
}

void secure_end(struct secure *secure)
{
    if (secure->ssl != NULL)
        SSL_shutdown(secure->ssl);
    SSL_free(secure->ssl);
    free(secure);
}

/* The result of a call of OpenSSL as one of read or write. */
static ssize_t result_of(const struct secure *secure, int result, bool *wants_room)
{
    if (result > 0)
        return result;
    int error = SSL_get_error(secure->ssl, result);
    *wants_room = error == SSL_ERROR_WANT_WRITE;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t secure_read(struct secure *secure, void *buffer, size_t len, bool *wants_room)
{
    *wants_room = false;
    if (secure->ssl == NULL)
        return read(secure->fd, buffer, len);
    ERR_clear_error();
    return result_of(secure, SSL_read(secure->ssl, buffer, (int)len), wants_room);
}

ssize_t secure_write(struct secure *secure, const void *data, size_t len, bool *wants_room)
{
    *wants_room = true;
    if (secure->ssl == NULL)
        return write(secure->fd, data, len);
    ERR_clear_error();
    return result_of(secure, SSL_write(secure->ssl, data, (int)len), wants_room);
}
