/* TLS on sockets of the kernel, by OpenSSL itself: the reference of bench_tls.sh, and the client of
 * both servers.
 *
 *   tls_linux serve CERTIFICATE KEY      port 443
 *   tls_linux handshakes ADDRESS COUNT   full ones, by CLIENTS processes
 *   tls_linux bulk ADDRESS MEGABYTES     the server sends, on one session
 *
 * A client sends 8 bytes, a number in network order; the server answers with so many bytes, and
 * both end. A client prints the nanoseconds.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PORT 443
#define CLIENTS 4
#define CHUNK 65536

static unsigned char chunk[CHUNK];

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int new_socket(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

static SSL *new_session(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        die("session");
    return ssl;
}

static void read_all(SSL *ssl, void *bytes, size_t len)
{
    for (size_t got = 0; got < len;) {
        int count = SSL_read(ssl, (char *)bytes + got, (int)(len - got));
        if (count <= 0)
            die("read");
        got += (size_t)count;
    }
}

/* ---- The server ---- */

static void serve_client(SSL_CTX *context, int fd)
{
    unsigned char number[8];
    uint64_t left = 0;
    SSL *ssl = new_session(context, fd);
    if (SSL_accept(ssl) == 1) {
        read_all(ssl, number, sizeof number);
        for (int i = 0; i < 8; i++)
            left = left << 8 | number[i];
        while (left > 0) {
            int len = left < CHUNK ? (int)left : CHUNK;
            if (SSL_write(ssl, chunk, len) != len)
                break;
            left -= (uint64_t)len;
        }
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static void serve(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int listener = new_socket();
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die("certificate");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0)
        die("listen");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            die("accept");
        serve_client(context, fd);
    }
}

/* ---- The client ---- */

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void ask(SSL_CTX *context, const char *address, uint64_t bytes)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    unsigned char number[8];
    int fd = new_socket();
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    SSL *ssl = new_session(context, fd);
    if (SSL_connect(ssl) != 1)
        die("handshake");
    for (int i = 0; i < 8; i++)
        number[i] = (unsigned char)(bytes >> (56 - 8 * i));
    if (SSL_write(ssl, number, sizeof number) != sizeof number)
        die("write");
    for (uint64_t left = bytes; left > 0;) {
        size_t len = left < CHUNK ? (size_t)left : CHUNK;
        read_all(ssl, chunk, len);
        left -= len;
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static SSL_CTX *client_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        die("context");
    return context;
}

static void shake_hands(const char *address, int count)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (fork() != 0)
            continue;
        SSL_CTX *context = client_context();
        for (int n = 0; n < count / CLIENTS; n++)
            ask(context, address, 1);
        exit(0);
    }
    int status;
    while (wait(&status) > 0)
        if (status != 0)
            exit(1);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    uint64_t begun = now_ns();
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "handshakes") == 0)
        shake_hands(argv[2], atoi(argv[3]));
    else if (argc == 4 && strcmp(argv[1], "bulk") == 0)
        ask(client_context(), argv[2], strtoull(argv[3], NULL, 10) << 20);
    else
        return 2;
    printf("%llu\n", (unsigned long long)(now_ns() - begun));
    return 0;
}
