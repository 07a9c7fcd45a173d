/* One session of BearSSL: its steps. */
#include <stddef.h>
#include <string.h>

#include <mnet/address.h>
#include <mnet/format.h>

#include "internal.h"

#define SEED_BYTES 32
#define RECORD_HEAD 5
#define TYPE_CHANGE 20u
#define TYPE_ALERT 21u
#define TYPE_DATA 23u
#define LONGEST_RECORD (16384u + 2048u)
#define LEVEL_WARNING 1u
#define LEVEL_FATAL 2u

static const uint16_t suites[TLS_SUITES] = {
    BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,       BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
};
static const char *const suite_names[TLS_SUITES] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",       "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",       "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
};

static br_ssl_engine_context *bear_of(const struct mnet_tls *tls)
{
    return &tls->engine->bear.both;
}

/* ---- Ends ---- */

/* BearSSL's processor of the handshake calls this instead of its own code. The end that the peer
 * tells is noted, and BearSSL does not hear of it: it would end the other direction, too. */
static void handle_messages(void *processor)
{
    br_ssl_engine_context *bear = (void *)((char *)processor - offsetof(br_ssl_engine_context, cpu));
    struct tls_engine *engine = (void *)bear;
    bool alert = engine->shaken && bear->record_type_in == TYPE_ALERT;
    if (alert && bear->hlen_in >= 2 && bear->hbuf_in[1] == BR_ALERT_CLOSE_NOTIFY) {
        engine->peer_ended = true;
        bear->hbuf_in += bear->hlen_in;
        bear->hlen_in = 0;
        return;
    }
    engine->handshake(processor);
}

/* Encrypts an alert, if the handshake has come that far, behind all that has been sent. */
static void say_alert(struct mnet_tls *tls, unsigned level, int description)
{
    struct tls_engine *engine = tls->engine;
    br_ssl_engine_context *bear = &engine->bear.both;
    size_t from = RECORD_HEAD, to = sizeof engine->alert_room, len = 2;
    if (engine->alert != NULL || bear->out.vtable == NULL)
        return;
    bear->out.vtable->max_plaintext(&bear->out.vtable, &from, &to);
    engine->alert_room[from] = (unsigned char)level;
    engine->alert_room[from + 1] = (unsigned char)description;
    engine->alert = bear->out.vtable->encrypt(&bear->out.vtable, TYPE_ALERT, BR_TLS12, engine->alert_room + from, &len);
    engine->alert_len = len;
}

/* Reads what has come, as far as it may belong to the handshake: if it were unread, closing would
 * reset the connection, and the alert would be lost. What waits to be sent lies behind the part of
 * the buffer that is for input. */
static void forget_input(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    ptrdiff_t got = 1;
    for (size_t done = 0; got > 0 && done < sizeof engine->buffer; done += (size_t)got)
        got = mnet_stream_read(tls->stream, engine->buffer, bear_of(tls)->ibuf_len, 0);
}

/* Ends the session with its error. The peer learns why, unless it or BearSSL has said it. */
static int end_with(struct mnet_tls *tls, int error)
{
    int alert = tls_alert_of(error);
    bool told = br_ssl_engine_last_error(bear_of(tls)) >= BR_ERR_RECV_FATAL_ALERT;
    if (tls->engine->stream_error == 0)
        forget_input(tls);
    if (alert >= 0 && !told && tls->engine->stream_error == 0)
        say_alert(tls, LEVEL_FATAL, alert);
    return error;
}

/* ---- Bytes ---- */

bool tls_engine_has_waiting(const struct mnet_tls *tls)
{
    return (br_ssl_engine_current_state(bear_of(tls)) & BR_SSL_SENDREC) != 0 || tls->engine->alert != NULL;
}

/* Writes what the stream takes. Returns 0 if that is all, MNET_E_DEADLINE, or an error. */
static int write_some(struct mnet_tls *tls, const unsigned char *bytes, size_t len, size_t *taken)
{
    int error = mnet_stream_write(tls->stream, bytes, len, taken, 0);
    if (*taken == len)
        return 0;
    return error < 0 ? error : MNET_E_DEADLINE;
}

int tls_engine_send(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    unsigned char *bytes;
    size_t len, taken;
    int error = 0;
    while (error == 0 && (bytes = br_ssl_engine_sendrec_buf(&engine->bear.both, &len)) != NULL) {
        taken = 0;
        error = write_some(tls, bytes, len, &taken);
        if (taken > 0)
            br_ssl_engine_sendrec_ack(&engine->bear.both, taken);
    }
    if (error == 0 && engine->alert != NULL) {
        taken = 0;
        error = write_some(tls, engine->alert, engine->alert_len, &taken);
        engine->alert_len -= taken;
        engine->alert = engine->alert_len > 0 ? engine->alert + taken : NULL;
    }
    return error;
}

/* The peer's first bytes are no record of TLS. */
static bool is_not_tls(struct mnet_tls *tls, const unsigned char *head)
{
    size_t len = (size_t)head[3] << 8 | head[4];
    if (head[0] >= TYPE_CHANGE && head[0] <= TYPE_DATA && head[1] == 3 && len <= LONGEST_RECORD)
        return false;
    bool letters = head[0] >= 'A' && head[0] <= 'Z';
    tls_note_failure(tls, MNET_E_TLS_NOT_TLS, letters && tls->server ? "http request" : "wrong version number");
    return true;
}

/* Gives BearSSL what has come. Returns 0, MNET_E_DEADLINE, or an error, which stays. */
static int receive(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    size_t room;
    unsigned char *buffer = br_ssl_engine_recvrec_buf(&engine->bear.both, &room);
    if (buffer == NULL && tls_engine_has_waiting(tls))
        return MNET_E_DEADLINE;
    if (buffer == NULL) /* it waits for nothing */
        return tls_note_failure(tls, MNET_E_TLS_BROKEN, "the engine is stuck");
    ptrdiff_t got = mnet_stream_read(tls->stream, buffer, room, 0);
    engine->wants_bytes = got < 0;
    if (got < 0 && tls_may_go_on((int)got) && got != MNET_E_NO_MEMORY)
        return MNET_E_DEADLINE;
    if (got < 0)
        engine->stream_error = (int)got;
    if (got <= 0)
        return tls_engine_failure(tls);
    bool head = !engine->heard && engine->bear.both.ixa + (size_t)got >= RECORD_HEAD;
    if (head) {
        engine->heard = true;
        if (is_not_tls(tls, engine->bear.both.ibuf))
            return tls->error;
    }
    br_ssl_engine_recvrec_ack(&engine->bear.both, (size_t)got);
    return 0;
}

/* ---- Beginning ---- */

static void set_algorithms(br_ssl_engine_context *bear)
{
    br_ssl_engine_set_versions(bear, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_suites(bear, suites, TLS_SUITES);
    br_ssl_engine_set_hash(bear, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(bear, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(bear, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(bear, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(bear, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(bear);
    br_ssl_engine_set_default_chapol(bear);
    br_ssl_engine_set_default_ec(bear);
    br_ssl_engine_set_default_rsavrfy(bear);
    br_ssl_engine_set_default_ecdsa(bear);
}

/* BearSSL does not ask the operating system by itself. */
static bool seed(struct mnet_tls *tls)
{
    const struct mnet_tls_options *options = &tls->context->options;
    unsigned char bytes[SEED_BYTES];
    if (options->random != NULL)
        options->random(options->argument, bytes, sizeof bytes);
    else if (!tls_system_random(bytes, sizeof bytes))
        return false;
    br_ssl_engine_inject_entropy(bear_of(tls), bytes, sizeof bytes);
    bear_of(tls)->rng_os_rand_done = 1;
    memset(bytes, 0, sizeof bytes);
    return true;
}

static bool make_engine(struct mnet_tls *tls)
{
    tls->engine = tls_allocate(tls->context, sizeof *tls->engine);
    return tls->engine != NULL;
}

/* What both roles have. */
static void set_up(struct mnet_tls *tls, uint64_t now)
{
    struct tls_library *library = tls->context->library;
    struct tls_engine *engine = tls->engine;
    br_ssl_engine_context *bear = &engine->bear.both;
    set_algorithms(bear);
    br_ssl_engine_set_all_flags(bear, BR_OPT_NO_RENEGOTIATION | BR_OPT_ENFORCE_SERVER_PREFERENCES |
                                          BR_OPT_FAIL_ON_ALPN_MISMATCH);
    if (library->protocol_count > 0)
        br_ssl_engine_set_protocol_names(bear, library->protocols, library->protocol_count);
    tls_verifier_init(tls, now);
    if (!tls->server || tls->context->options.clients != MNET_TLS_CLIENTS_ANY)
        br_ssl_engine_set_x509(bear, &engine->verifier.vtable);
    br_ssl_engine_set_buffer(bear, engine->buffer, sizeof engine->buffer, 1);
}

/* Takes BearSSL's handshake over. */
static int begin(struct mnet_tls *tls, bool reset)
{
    br_ssl_engine_context *bear = bear_of(tls);
    if (!reset)
        return tls_fail(tls->context, MNET_E_INVALID);
    tls->engine->handshake = bear->hsrun;
    bear->hsrun = handle_messages;
    return 0;
}

int tls_engine_begin_client(struct mnet_tls *tls, uint64_t now)
{
    const struct mnet_tls_options *options = &tls->context->options;
    struct mnet_address address;
    bool is_address = tls->name[0] != '\0' && mnet_address_parse(tls->name, &address) == 0;
    if (is_address && !options->no_verify)
        return tls_fail(tls->context, MNET_E_TLS_UNSUPPORTED);
    if (is_address)
        tls->name[0] = '\0';
    if (!make_engine(tls))
        return MNET_E_NO_MEMORY;
    struct tls_engine *engine = tls->engine;
    br_ssl_client_context *client = &engine->bear.client;
    br_ssl_client_zero(client);
    set_up(tls, now);
    tls_use_client_identity(tls, tls->context->library->identities);
    bool known = tls->name[0] != '\0' && !options->no_resumption && tls_recall(tls);
    if (known) {
        engine->tried_len = client->eng.session.session_id_len;
        memcpy(engine->tried, client->eng.session.session_id, engine->tried_len);
    }
    return begin(tls, seed(tls) && br_ssl_client_reset(client, tls->name[0] != '\0' ? tls->name : NULL, known));
}

int tls_engine_begin_server(struct mnet_tls *tls, uint64_t now)
{
    const struct tls_library *library = tls->context->library;
    enum mnet_tls_clients clients = tls->context->options.clients;
    if (!make_engine(tls))
        return MNET_E_NO_MEMORY;
    br_ssl_server_context *server = &tls->engine->bear.server;
    tls->server = true;
    br_ssl_server_zero(server);
    set_up(tls, now);
    tls_choose_by_name(tls);
    if (clients != MNET_TLS_CLIENTS_ANY)
        br_ssl_server_set_trust_anchor_names_alt(server, library->anchors, library->anchor_count);
    if (clients == MNET_TLS_CLIENTS_ASKED)
        br_ssl_engine_add_flags(&server->eng, BR_OPT_TOLERATE_NO_CLIENT_AUTH);
    if (library->cache != NULL)
        br_ssl_server_set_cache(server, &library->cache->vtable);
    return begin(tls, seed(tls) && br_ssl_server_reset(server));
}

void tls_engine_free(struct mnet_tls *tls)
{
    if (tls->engine == NULL)
        return;
    memset(tls->engine, 0, sizeof *tls->engine); /* keys */
    tls_release(tls->context, tls->engine);
}

/* ---- Secrets ---- */

static char *add_hex(char *to, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *to++ = "0123456789abcdef"[bytes[i] >> 4];
        *to++ = "0123456789abcdef"[bytes[i] & 15];
    }
    return to;
}

static void log_key(struct mnet_tls *tls)
{
    const br_ssl_engine_context *bear = bear_of(tls);
    char line[200] = "CLIENT_RANDOM ", *end = line + strlen(line);
    end = add_hex(end, bear->client_random, sizeof bear->client_random);
    *end++ = ' ';
    end = add_hex(end, bear->session.master_secret, sizeof bear->session.master_secret);
    *end = '\0';
    tls->context->options.key_log(tls->context->options.argument, line);
    memset(line, 0, sizeof line);
}

/* ---- Steps ---- */

static void note_session(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    const br_ssl_session_parameters *session = &engine->bear.both.session;
    engine->shaken = true;
    if (!tls->server) {
        engine->resumed = engine->tried_len > 0 && session->session_id_len == engine->tried_len &&
                          memcmp(session->session_id, engine->tried, engine->tried_len) == 0;
        if (session->session_id_len > 0 && tls->name[0] != '\0' && !tls->context->options.no_resumption)
            tls_remember(tls);
    }
    if (tls->context->options.key_log != NULL)
        log_key(tls);
}

int tls_engine_shake(struct mnet_tls *tls)
{
    struct tls_engine *engine = tls->engine;
    engine->stream_error = 0;
    for (;;) {
        int error = tls_engine_send(tls);
        unsigned state = br_ssl_engine_current_state(&engine->bear.both);
        engine->wants_bytes = false;
        /* A server that only asks for a certificate would go on with a bad one. */
        if ((state & BR_SSL_CLOSED) != 0 || engine->verifier.error != 0)
            return end_with(tls, tls_engine_failure(tls));
        if (error < 0 && tls_may_go_on(error))
            return MNET_E_DEADLINE;
        if (error < 0) {
            engine->stream_error = error;
            return tls_engine_failure(tls);
        }
        if ((state & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0) {
            note_session(tls);
            return 0;
        }
        error = receive(tls);
        if (error < 0)
            return error;
    }
}

bool tls_engine_wants_bytes(const struct mnet_tls *tls)
{
    return tls->engine->wants_bytes;
}

int tls_engine_read(struct mnet_tls *tls, void *buffer, size_t len, bool peek)
{
    struct tls_engine *engine = tls->engine;
    engine->stream_error = 0;
    engine->wants_bytes = false;
    for (;;) {
        size_t has;
        const unsigned char *bytes = br_ssl_engine_recvapp_buf(&engine->bear.both, &has);
        if (bytes != NULL) {
            has = has < len ? has : len;
            memcpy(buffer, bytes, has);
            if (!peek)
                br_ssl_engine_recvapp_ack(&engine->bear.both, has);
            return (int)has;
        }
        if (engine->peer_ended)
            return 0;
        if ((br_ssl_engine_current_state(&engine->bear.both) & BR_SSL_CLOSED) != 0)
            return end_with(tls, tls_engine_failure(tls));
        int error = receive(tls);
        if (error < 0)
            return error;
        (void)tls_engine_send(tls); /* answers of the protocol */
    }
}

int tls_engine_write(struct mnet_tls *tls, const char *data, size_t len)
{
    struct tls_engine *engine = tls->engine;
    size_t room;
    unsigned char *buffer = br_ssl_engine_sendapp_buf(&engine->bear.both, &room);
    engine->stream_error = 0;
    if ((br_ssl_engine_current_state(&engine->bear.both) & BR_SSL_CLOSED) != 0)
        return end_with(tls, tls_engine_failure(tls));
    if (buffer == NULL)
        return MNET_E_DEADLINE;
    room = room < len ? room : len;
    memcpy(buffer, data, room);
    br_ssl_engine_sendapp_ack(&engine->bear.both, room);
    br_ssl_engine_flush(&engine->bear.both, 0);
    int error = tls_engine_send(tls);
    if (error < 0 && !tls_may_go_on(error)) {
        engine->stream_error = error;
        return tls_engine_failure(tls);
    }
    return (int)room;
}

void tls_engine_end(struct mnet_tls *tls)
{
    say_alert(tls, LEVEL_WARNING, BR_ALERT_CLOSE_NOTIFY);
}

/* ---- Facts ---- */

void tls_engine_info(const struct mnet_tls *tls, struct mnet_tls_info *info)
{
    br_ssl_engine_context *bear = bear_of(tls);
    const char *protocol = br_ssl_engine_get_selected_protocol(bear);
    info->version = "TLSv1.2";
    info->cipher = "";
    for (unsigned i = 0; i < TLS_SUITES; i++) {
        if (suites[i] == bear->session.cipher_suite)
            info->cipher = suite_names[i];
    }
    info->server_name = br_ssl_engine_get_server_name(bear);
    info->resumed = tls->engine->resumed;
    if (protocol != NULL)
        mnet_format(info->protocol, sizeof info->protocol, "%s", protocol);
    if (tls->engine->verifier.elements[0].status == 1)
        mnet_format(info->peer, sizeof info->peer, "CN = %s", tls->engine->verifier.common_name);
}
