/* Certificates, keys and roots, from texts in PEM form. */
#include <string.h>

#include <mnet/format.h>

#include "internal.h"

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* ---- Texts in PEM form ---- */

/* An object of a text. */
struct pem_object {
    unsigned char *bytes; /* of the reader's memory, as long as the text at most */
    size_t len;
};

static void take_bytes(void *argument, const void *bytes, size_t len)
{
    struct pem_object *object = argument;
    memcpy(object->bytes + object->len, bytes, len);
    object->len += len;
}

/* Gives each object of a text to `take`, until it returns an error. An object without its end is
 * one: the rest of a file is missing. */
static int read_objects(struct mnet_tls_context *context, const char *text, size_t len,
                        int (*take)(void *argument, const char *name, const struct pem_object *object), void *argument)
{
    br_pem_decoder_context decoder;
    struct pem_object object = {tls_allocate(context, len + 1), 0};
    int error = object.bytes != NULL ? 0 : MNET_E_NO_MEMORY;
    bool inside = false;
    br_pem_decoder_init(&decoder);
    for (size_t done = 0; error == 0 && done < len;) {
        done += br_pem_decoder_push(&decoder, text + done, len - done);
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ:
            object.len = 0;
            inside = true;
            br_pem_decoder_setdest(&decoder, take_bytes, &object);
            break;
        case BR_PEM_END_OBJ:
            inside = false;
            error = take(argument, br_pem_decoder_name(&decoder), &object);
            break;
        case BR_PEM_ERROR: error = MNET_E_TLS_CREDENTIALS; break;
        default: break;
        }
    }
    if (object.bytes != NULL)
        memset(object.bytes, 0, len); /* it may be a key */
    tls_release(context, object.bytes);
    return error == 0 && inside ? MNET_E_TLS_CREDENTIALS : error;
}

/* Copies a source's text, which is to be released. It need not end with a newline, but BearSSL
 * wants one. */
static int load_source(struct mnet_tls_context *context, struct mnet_tls_source source, char **text, size_t *text_len)
{
    char *bytes = NULL;
    size_t len = source.len;
    const char *why = NULL;
    if (source.file != NULL && !tls_system_read(source.file, &bytes, &len, &why)) {
        mnet_format(context->reason, sizeof context->reason, "%s (%s)", why, source.file);
        return MNET_E_TLS_FILE;
    }
    *text = tls_allocate(context, len + 1);
    if (*text != NULL) {
        if (len > 0)
            memcpy(*text, source.file != NULL ? bytes : source.data, len);
        (*text)[len] = '\n';
        *text_len = len + 1;
    }
    if (source.file != NULL) {
        memset(bytes, 0, len); /* it may be a key */
        tls_system_release(bytes);
    }
    return *text != NULL ? 0 : tls_fail(context, MNET_E_NO_MEMORY);
}

static void release_text(struct mnet_tls_context *context, char *text, size_t len)
{
    memset(text, 0, len);
    tls_release(context, text);
}

/* Reads the objects of a source. */
static int read_source(struct mnet_tls_context *context, struct mnet_tls_source source,
                       int (*take)(void *argument, const char *name, const struct pem_object *object), void *argument)
{
    char *text;
    size_t len;
    int error = load_source(context, source, &text, &len);
    if (error < 0)
        return error;
    error = read_objects(context, text, len, take, argument);
    release_text(context, text, len);
    return error < 0 ? tls_fail(context, error) : 0;
}

static bool is_certificate(const char *name)
{
    return strcmp(name, "CERTIFICATE") == 0 || strcmp(name, "X509 CERTIFICATE") == 0;
}

/* ---- Identities ---- */

void *tls_keep(struct mnet_tls_context *context, size_t size)
{
    struct tls_kept *kept = tls_allocate(context, sizeof *kept + size);
    if (kept == NULL)
        return NULL;
    kept->next = context->library->kept;
    kept->size = size;
    context->library->kept = kept;
    return kept + 1;
}

/* What is being read. */
struct identity_reader {
    struct mnet_tls_context *context;
    struct tls_identity *identity;
    bool has_key;
};

static int take_certificate(void *argument, const char *name, const struct pem_object *object)
{
    struct identity_reader *reader = argument;
    struct tls_identity *identity = reader->identity;
    if (!is_certificate(name))
        return 0;
    br_x509_certificate *chain = tls_keep(reader->context, (identity->chain_len + 1) * sizeof *chain);
    unsigned char *bytes = tls_keep(reader->context, object->len);
    if (chain == NULL || bytes == NULL)
        return MNET_E_NO_MEMORY;
    if (identity->chain_len > 0)
        memcpy(chain, identity->chain, identity->chain_len * sizeof *chain);
    memcpy(bytes, object->bytes, object->len);
    chain[identity->chain_len++] = (br_x509_certificate){bytes, object->len};
    identity->chain = chain;
    return 0;
}

/* Of an encrypted key nobody is asked for the password. */
static int take_key(void *argument, const char *name, const struct pem_object *object)
{
    struct identity_reader *reader = argument;
    br_skey_decoder_context *key = &reader->identity->key;
    bool known = strcmp(name, BR_ENCODE_PEM_PKCS8) == 0 || strcmp(name, BR_ENCODE_PEM_RSA_RAW) == 0 ||
                 strcmp(name, BR_ENCODE_PEM_EC_RAW) == 0;
    if (!known || reader->has_key)
        return 0;
    br_skey_decoder_init(key);
    br_skey_decoder_push(key, object->bytes, object->len);
    if (br_skey_decoder_last_error(key) != 0)
        return MNET_E_TLS_CREDENTIALS;
    reader->identity->key_type = br_skey_decoder_key_type(key);
    reader->has_key = true;
    return 0;
}

static bool is_key_of(const br_x509_pkey *public, const struct tls_identity *identity)
{
    unsigned char bytes[BR_X509_BUFSIZE_KEY];
    if (public->key_type != identity->key_type)
        return false;
    if (identity->key_type == BR_KEYTYPE_EC) {
        br_ec_public_key computed;
        size_t len = br_ec_compute_pub(br_ec_get_default(), &computed, bytes, &identity->key.key.ec);
        return len == public->key.ec.qlen && memcmp(bytes, public->key.ec.q, len) == 0;
    }
    br_rsa_compute_modulus compute = br_rsa_compute_modulus_get_default();
    size_t len = compute(NULL, &identity->key.key.rsa);
    if (len == 0 || len > sizeof bytes || len != public->key.rsa.nlen)
        return false;
    return compute(bytes, &identity->key.key.rsa) == len && memcmp(bytes, public->key.rsa.n, len) == 0;
}

/* Notes the names of the certificate, by an engine that finds them on its way. */
static void note_names(struct tls_identity *identity, const br_x509_decoder_context *decoder)
{
    static const unsigned char host_name[] = {0, 2};
    br_x509_minimal_context minimal;
    br_name_element elements[TLS_IDENTITY_NAMES];
    for (unsigned i = 0; i < TLS_IDENTITY_NAMES; i++)
        elements[i] = (br_name_element){host_name, identity->names[i], sizeof identity->names[i], 0};
    br_x509_minimal_init(&minimal, &br_sha256_vtable, NULL, 0);
    br_x509_minimal_set_time(&minimal, decoder->notbefore_days, decoder->notbefore_seconds);
    br_x509_minimal_set_name_elements(&minimal, elements, TLS_IDENTITY_NAMES);
    minimal.vtable->start_chain(&minimal.vtable, NULL);
    minimal.vtable->start_cert(&minimal.vtable, (uint32_t)identity->chain->data_len);
    minimal.vtable->append(&minimal.vtable, identity->chain->data, identity->chain->data_len);
    minimal.vtable->end_cert(&minimal.vtable);
    for (unsigned i = 0; i < TLS_IDENTITY_NAMES; i++)
        identity->name_count += elements[i].status == 1;
}

/* Returns 0 if the certificate can be read, and the key is its own. */
static int check_identity(struct mnet_tls_context *context, struct tls_identity *identity)
{
    br_x509_decoder_context decoder;
    br_x509_decoder_init(&decoder, 0, NULL);
    br_x509_decoder_push(&decoder, identity->chain->data, identity->chain->data_len);
    const br_x509_pkey *public = br_x509_decoder_get_pkey(&decoder);
    if (public == NULL)
        return tls_fail(context, MNET_E_TLS_CREDENTIALS);
    if (!is_key_of(public, identity)) {
        mnet_format(context->reason, sizeof context->reason, "mismatch of the key and the certificate");
        return MNET_E_TLS_CREDENTIALS;
    }
    identity->issuer_key_type = br_x509_decoder_get_signer_key_type(&decoder);
    note_names(identity, &decoder);
    return 0;
}

int mnet_tls_add_identity(struct mnet_tls_context *context, struct mnet_tls_source certificate,
                          struct mnet_tls_source key)
{
    struct identity_reader reader = {.context = context};
    reader.identity = tls_keep(context, sizeof *reader.identity);
    if (reader.identity == NULL)
        return MNET_E_NO_MEMORY;
    int error = read_source(context, certificate, take_certificate, &reader);
    if (error == 0)
        error = read_source(context, key, take_key, &reader);
    if (error == 0 && (reader.identity->chain_len == 0 || !reader.has_key))
        error = tls_fail(context, MNET_E_TLS_CREDENTIALS);
    if (error == 0)
        error = check_identity(context, reader.identity);
    if (error < 0)
        return error;
    struct tls_identity **at = &context->library->identities;
    while (*at != NULL)
        at = &(*at)->next;
    *at = reader.identity;
    context->has_identity = true;
    return 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_same(const char *one, const char *other)
{
    while (*one != '\0' && lower(*one) == lower(*other)) {
        one++;
        other++;
    }
    return *one == *other;
}

/* "*" stands for one whole label. */
bool tls_identity_fits(const struct tls_identity *identity, const char *name)
{
    const char *rest = strchr(name, '.');
    for (unsigned i = 0; i < identity->name_count; i++) {
        const char *own = identity->names[i];
        if (is_same(own, name) || (own[0] == '*' && own[1] == '.' && rest != NULL && is_same(own + 1, rest)))
            return true;
    }
    return false;
}

/* ---- Trust ---- */

struct anchor_reader {
    struct mnet_tls_context *context;
    br_x509_trust_anchor *anchors; /* NULL: they are only counted */
    size_t count;
    bool tolerant; /* those that cannot be used are left out */
};

struct name_bytes {
    unsigned char *bytes;
    size_t len, room;
};

static void append_name(void *argument, const void *bytes, size_t len)
{
    struct name_bytes *name = argument;
    if (name->room - name->len >= len) {
        memcpy(name->bytes + name->len, bytes, len);
        name->len += len;
    }
}

/* Copies a number of a key. */
static unsigned char *copy(struct mnet_tls_context *context, const unsigned char *bytes, size_t len)
{
    unsigned char *copied = tls_keep(context, len);
    return copied != NULL ? memcpy(copied, bytes, len) : NULL;
}

static bool copy_key(struct mnet_tls_context *context, br_x509_pkey *key)
{
    if (key->key_type == BR_KEYTYPE_EC)
        return (key->key.ec.q = copy(context, key->key.ec.q, key->key.ec.qlen)) != NULL;
    key->key.rsa.n = copy(context, key->key.rsa.n, key->key.rsa.nlen);
    key->key.rsa.e = copy(context, key->key.rsa.e, key->key.rsa.elen);
    return key->key.rsa.n != NULL && key->key.rsa.e != NULL;
}

static int make_anchor(struct mnet_tls_context *context, const struct pem_object *object, br_x509_trust_anchor *anchor)
{
    br_x509_decoder_context decoder;
    struct name_bytes name = {tls_keep(context, object->len), 0, object->len};
    if (name.bytes == NULL)
        return MNET_E_NO_MEMORY;
    br_x509_decoder_init(&decoder, append_name, &name);
    br_x509_decoder_push(&decoder, object->bytes, object->len);
    const br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
    if (key == NULL)
        return MNET_E_TLS_CREDENTIALS;
    *anchor = (br_x509_trust_anchor){{name.bytes, name.len}, br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0, *key};
    return copy_key(context, &anchor->pkey) ? 0 : MNET_E_NO_MEMORY;
}

static int take_anchor(void *argument, const char *name, const struct pem_object *object)
{
    struct anchor_reader *reader = argument;
    if (!is_certificate(name))
        return 0;
    int error = reader->anchors != NULL ? make_anchor(reader->context, object, &reader->anchors[reader->count]) : 0;
    if (error == MNET_E_TLS_CREDENTIALS && reader->tolerant)
        return 0;
    reader->count += error == 0;
    return error;
}

/* Counts the certificates of a text, and then makes an array of all. Sessions may still use the old
 * one. */
static int add_text(struct mnet_tls_context *context, const char *text, size_t len, bool tolerant)
{
    struct tls_library *library = context->library;
    struct anchor_reader reader = {.context = context, .tolerant = tolerant};
    size_t had = context->own_roots ? library->anchor_count : 0; /* no longer those of the system */
    int error = read_objects(context, text, len, take_anchor, &reader);
    if (error < 0)
        return error;
    if (reader.count == 0)
        return MNET_E_TLS_CREDENTIALS;
    reader.anchors = tls_keep(context, (had + reader.count) * sizeof *reader.anchors);
    if (reader.anchors == NULL)
        return MNET_E_NO_MEMORY;
    if (had > 0)
        memcpy(reader.anchors, library->anchors, had * sizeof *reader.anchors);
    reader.count = had;
    error = read_objects(context, text, len, take_anchor, &reader);
    if (error < 0)
        return error;
    library->anchors = reader.anchors;
    library->anchor_count = reader.count;
    return 0;
}

/* The source is read once: a pipe has nothing the second time, and a file may have more. */
static int add_anchors(struct mnet_tls_context *context, struct mnet_tls_source roots, bool tolerant)
{
    char *text;
    size_t len;
    int error = load_source(context, roots, &text, &len);
    if (error < 0)
        return error;
    error = add_text(context, text, len, tolerant);
    release_text(context, text, len);
    return error < 0 ? tls_fail(context, error) : 0;
}

int mnet_tls_trust(struct mnet_tls_context *context, struct mnet_tls_source roots)
{
    int error = add_anchors(context, roots, false);
    if (error == 0 && !context->own_roots)
        tls_forget(context); /* their servers were believed by others */
    context->own_roots |= error == 0;
    return error;
}

int tls_library_trust_system(struct mnet_tls_context *context)
{
    struct tls_library *library = context->library;
    int error = library->system_roots ? 0 : add_anchors(context, mnet_tls_file(SYSTEM_ROOTS), true);
    if (error == MNET_E_NO_MEMORY)
        return error;
    library->system_roots = true;
    return 0; /* without any, nobody is believed */
}

int mnet_tls_revoke(struct mnet_tls_context *context, struct mnet_tls_source lists)
{
    (void)lists;
    return tls_fail(context, MNET_E_TLS_UNSUPPORTED);
}

bool mnet_tls_supports(enum mnet_tls_feature feature)
{
    (void)feature;
    return false;
}

/* ---- Contexts ---- */

static void name_protocols(struct mnet_tls_context *context)
{
    struct tls_library *library = context->library;
    char *to = library->protocol_text;
    for (unsigned at = 0; at < context->protocols_len; at += context->protocols[at] + 1u) {
        memcpy(to, context->protocols + at + 1, context->protocols[at]);
        library->protocols[library->protocol_count++] = to;
        to += context->protocols[at] + 1u; /* the zero is there */
    }
}

int tls_library_create(struct mnet_tls_context *context)
{
    context->library = tls_allocate(context, sizeof *context->library);
    if (context->library == NULL)
        return MNET_E_NO_MEMORY;
    name_protocols(context);
    return context->options.no_resumption ? 0 : tls_cache_create(context);
}

void tls_library_free(struct mnet_tls_context *context)
{
    struct tls_library *library = context->library;
    if (library == NULL)
        return;
    tls_forget(context);
    while (library->kept != NULL) {
        struct tls_kept *kept = library->kept;
        library->kept = kept->next;
        memset(kept + 1, 0, kept->size); /* keys are among it */
        tls_release(context, kept);
    }
    if (library->cache != NULL)
        memset(library->cache, 0, sizeof *library->cache);
    tls_release(context, library->cache);
    tls_release(context, library);
}
