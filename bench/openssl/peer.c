/* The OpenSSL side of go run ./bench: both ends of TLS connections in one process,
 * in memory, measured as the Go stacks are. It reads one order a line and answers
 * each with a line of JSON:
 *
 *   handshake NAME COUNT        us for both, us for the server, objects, bytes
 *   records aes|chacha SIZE N   GB/s written and read
 *   idle N                      bytes held by a server's and a client's connection
 *
 * Arguments: the directory with {ecdsa,rsa}-{root,chain,key}.pem.
 */
#define _GNU_SOURCE
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Memory: every block carries its size and whose it is. */

enum { NOBODY, CLIENT, SERVER };

static int whose = NOBODY;
static double objects, bytes, live[3];

struct header {
    size_t size;
    long owner;
};

static void *counted_malloc(size_t n, const char *file, int line) {
    (void)file, (void)line;
    struct header *h = malloc(sizeof *h + n);
    if (!h)
        return NULL;
    h->size = n, h->owner = whose;
    objects++, bytes += n, live[whose] += n;
    return h + 1;
}

static void counted_free(void *p, const char *file, int line) {
    (void)file, (void)line;
    if (!p)
        return;
    struct header *h = (struct header *)p - 1;
    live[h->owner] -= h->size;
    free(h);
}

static void *counted_realloc(void *p, size_t n, const char *file, int line) {
    if (!p)
        return counted_malloc(n, file, line);
    if (n == 0) {
        counted_free(p, file, line);
        return NULL;
    }
    struct header *h = (struct header *)p - 1;
    live[h->owner] -= h->size;
    h = realloc(h, sizeof *h + n);
    if (!h)
        return NULL;
    h->size = n;
    objects++, bytes += n, live[h->owner] += n;
    return h + 1;
}

/* A link: two queues outside of OpenSSL's memory. Writing never waits. */

struct queue {
    unsigned char *data;
    size_t size, read, filled;
    int sink;
};

struct end {
    struct queue *in, *out;
};

struct link {
    struct queue to[2];
    struct end a, b;
};

static int put(BIO *b, const char *p, size_t n, size_t *written) {
    struct queue *q = ((struct end *)BIO_get_data(b))->out;
    *written = n;
    if (q->sink)
        return 1;
    if (q->filled + n > q->size) {
        q->size = 2 * (q->filled + n);
        q->data = realloc(q->data, q->size);
        if (!q->data)
            abort();
    }
    memcpy(q->data + q->filled, p, n);
    q->filled += n;
    return 1;
}

static int take(BIO *b, char *p, size_t n, size_t *got) {
    struct queue *q = ((struct end *)BIO_get_data(b))->in;
    size_t left = q->filled - q->read;
    BIO_clear_retry_flags(b);
    if (left == 0) {
        BIO_set_retry_read(b);
        return 0;
    }
    *got = n < left ? n : left;
    memcpy(p, q->data + q->read, *got);
    q->read += *got;
    if (q->read == q->filled)
        q->read = q->filled = 0;
    return 1;
}

static long control(BIO *b, int cmd, long n, void *p) {
    (void)b, (void)n, (void)p;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static BIO_METHOD *method;

static void open_link(struct link *l) {
    l->to[0].read = l->to[0].filled = l->to[1].read = l->to[1].filled = 0;
    l->to[0].sink = l->to[1].sink = 0;
    l->a = (struct end){&l->to[0], &l->to[1]};
    l->b = (struct end){&l->to[1], &l->to[0]};
}

/* What is negotiated. */

struct form {
    const char *name, *key, *suite, *group;
    int version, mutual, resume;
};

static const struct form forms[] = {
    {"full", "ecdsa", "TLS_AES_128_GCM_SHA256", "X25519", TLS1_3_VERSION, 0, 0},
    {"full-rsa", "rsa", "TLS_AES_128_GCM_SHA256", "X25519", TLS1_3_VERSION, 0, 0},
    {"full-hybrid", "ecdsa", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", TLS1_3_VERSION, 0, 0},
    {"mutual", "ecdsa", "TLS_AES_128_GCM_SHA256", "X25519", TLS1_3_VERSION, 1, 0},
    {"resumed", "ecdsa", "TLS_AES_128_GCM_SHA256", "X25519", TLS1_3_VERSION, 0, 1},
    {"chacha", "ecdsa", "TLS_CHACHA20_POLY1305_SHA256", "X25519", TLS1_3_VERSION, 0, 0},
    {"full-12", "ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256", "X25519:P-256", TLS1_2_VERSION, 0, 0},
    {"full-12-rsa", "rsa", "ECDHE-RSA-AES128-GCM-SHA256", "X25519:P-256", TLS1_2_VERSION, 0, 0},
    {"transport-12", "rsa", "AES128-GCM-SHA256", "X25519:P-256", TLS1_2_VERSION, 0, 0},
    {"resumed-12", "ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256", "X25519:P-256", TLS1_2_VERSION, 0, 1},
};

struct peer {
    const struct form *form;
    SSL_CTX *client, *server;
    SSL_SESSION *session;
    SSL *c, *s;
    struct link link;
    double server_time;
};

static const char *folder;

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double now(void) { return clock_of(CLOCK_MONOTONIC); }
static double used(void) { return clock_of(CLOCK_PROCESS_CPUTIME_ID); }

static int keep(SSL *c, SSL_SESSION *s) {
    struct peer *p = SSL_get_app_data(c);
    SSL_SESSION_free(p->session);
    p->session = s;
    return 1;
}

static const char *file_of(const struct form *f, const char *what) {
    static char name[2][4096];
    static int turn;
    turn ^= 1;
    snprintf(name[turn], sizeof name[turn], "%s/%s-%s.pem", folder, f->key, what);
    return name[turn];
}

static int set_up(SSL_CTX *x, const struct form *f, int shows, int asks) {
    if (!SSL_CTX_set_min_proto_version(x, f->version) || !SSL_CTX_set_max_proto_version(x, f->version))
        return 0;
    if (f->version == TLS1_3_VERSION ? !SSL_CTX_set_ciphersuites(x, f->suite) : !SSL_CTX_set_cipher_list(x, f->suite))
        return 0;
    if (!SSL_CTX_set1_groups_list(x, f->group))
        return 0;
    if (shows && (SSL_CTX_use_certificate_chain_file(x, file_of(f, "chain")) != 1 ||
                  SSL_CTX_use_PrivateKey_file(x, file_of(f, "key"), SSL_FILETYPE_PEM) != 1))
        return 0;
    if (asks) {
        if (SSL_CTX_load_verify_locations(x, file_of(f, "root"), NULL) != 1)
            return 0;
        SSL_CTX_set_verify(x, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return 1;
}

static int make(struct peer *p, const char *name) {
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, name) == 0)
            p->form = &forms[i];
    if (!p->form)
        return 0;
    const struct form *f = p->form;
    p->client = SSL_CTX_new(TLS_client_method());
    p->server = SSL_CTX_new(TLS_server_method());
    if (!p->client || !p->server || !set_up(p->client, f, f->mutual, 1) || !set_up(p->server, f, 1, f->mutual))
        return 0;
    if (f->resume) {
        SSL_CTX_set_session_cache_mode(p->client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(p->client, keep);
        SSL_CTX_set_num_tickets(p->server, 1);
    } else {
        SSL_CTX_set_options(p->server, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(p->server, 0);
        SSL_CTX_set_session_cache_mode(p->client, SSL_SESS_CACHE_OFF);
    }
    SSL_CTX_set_session_cache_mode(p->server, SSL_SESS_CACHE_OFF);
    return 1;
}

static SSL *attach(SSL_CTX *x, struct end *e) {
    SSL *s = SSL_new(x);
    BIO *b = BIO_new(method);
    if (!s || !b)
        abort();
    BIO_set_data(b, e);
    BIO_set_init(b, 1);
    SSL_set_bio(s, b, b);
    return s;
}

/* step runs one side until it needs the other, and says whether it is done. */
static int step(SSL *s) {
    int r = SSL_do_handshake(s);
    if (r == 1)
        return 1;
    return SSL_get_error(s, r) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* connect_both leaves a connection in p->c and p->s. */
static int connect_both(struct peer *p) {
    char one = 1;
    int c = 0, s = 0;
    double began;
    open_link(&p->link);
    whose = CLIENT;
    p->c = attach(p->client, &p->link.a);
    SSL_set_app_data(p->c, p);
    SSL_set1_host(p->c, "localhost");
    SSL_set_tlsext_host_name(p->c, "localhost");
    SSL_set_connect_state(p->c);
    if (p->session)
        SSL_set_session(p->c, p->session);
    whose = SERVER;
    began = now();
    p->s = attach(p->server, &p->link.b);
    SSL_set_accept_state(p->s);
    p->server_time += now() - began;
    while (!(c == 1 && s == 1)) {
        whose = CLIENT;
        if (c == 0 && (c = step(p->c)) < 0)
            return 0;
        whose = SERVER;
        began = now();
        if (s == 0 && (s = step(p->s)) < 0)
            return 0;
        if (s == 1 && c == 1 && p->form->resume && SSL_write(p->s, &one, 1) != 1)
            return 0;
        p->server_time += now() - began;
    }
    whose = CLIENT;
    if (p->form->resume && SSL_read(p->c, &one, 1) != 1)
        return 0;
    whose = NOBODY;
    return SSL_version(p->c) == p->form->version;
}

static void part(struct peer *p) {
    /* A session of a connection that was not closed could not be used again. */
    SSL_set_shutdown(p->c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(p->s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(p->c);
    double began = now();
    SSL_free(p->s);
    p->server_time += now() - began;
    p->c = p->s = NULL;
}

static void answer_missing(void) {
    char why[256];
    ERR_error_string_n(ERR_peek_error(), why, sizeof why);
    ERR_clear_error();
    printf("{\"missing\":\"OpenSSL: %s\"}\n", why);
}

/* found is the peer of a form, made once. */
static struct peer *found(const char *name) {
    static struct peer *made[32];
    static int count;
    for (int i = 0; i < count; i++)
        if (strcmp(made[i]->form->name, name) == 0)
            return made[i];
    struct peer *p = calloc(1, sizeof *p);
    if (count == 32 || !p || !make(p, name))
        return NULL;
    return made[count++] = p;
}

static void handshakes(const char *name, int n) {
    struct peer *p = found(name);
    if (!p) {
        answer_missing();
        return;
    }
    if (p->form->resume && !p->session) {
        if (!connect_both(p)) {
            answer_missing();
            return;
        }
        part(p);
    }
    objects = bytes = p->server_time = 0;
    double began = now(), cost = used();
    for (int i = 0; i < n; i++) {
        if (!connect_both(p)) {
            answer_missing();
            return;
        }
        if (i == n - 1 && SSL_session_reused(p->c) != p->form->resume) {
            printf("{\"missing\":\"resumed: %d\"}\n", SSL_session_reused(p->c));
            return;
        }
        part(p);
    }
    double share = p->server_time / (now() - began);
    cost = used() - cost;
    printf("{\"value\":%f,\"server\":%f,\"objects\":%f,\"bytes\":%f}\n", cost / n, cost * share / n, objects / n, bytes / n);
}

static void records(const char *suite, int size, int n) {
    static char data[1 << 14], into[1 << 14];
    struct peer *p = found(strcmp(suite, "aes") == 0 ? "full" : "chacha");
    if (!p || !connect_both(p)) {
        answer_missing();
        return;
    }
    p->link.to[1].sink = 1;
    double began = used();
    for (int i = 0; i < n; i++)
        if (SSL_write(p->c, data, size) != size)
            abort();
    double wrote = used() - began;
    for (int i = 0; i < n; i++)
        if (SSL_write(p->s, data, size) != size)
            abort();
    began = used();
    for (long left = (long)n * size; left > 0;) {
        int got = SSL_read(p->c, into, sizeof into);
        if (got <= 0)
            abort();
        left -= got;
    }
    double read = used() - began;
    part(p);
    printf("{\"write\":%f,\"read\":%f}\n", (double)n * size / wrote / 1e3, (double)n * size / read / 1e3);
}

/* idle counts what connections hold that have carried a request and its answer,
 * with buffers that are released when they are empty. */
static void idle(int n) {
    static char data[1 << 14];
    struct peer *p = found("full");
    struct link *links = calloc(n, sizeof *links);
    SSL **all = calloc(2 * n, sizeof *all);
    if (!p || !links || !all)
        abort();
    SSL_CTX_set_mode(p->client, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_mode(p->server, SSL_MODE_RELEASE_BUFFERS);
    double client = live[CLIENT], server = live[SERVER];
    for (int i = 0; i < n; i++) {
        if (!connect_both(p))
            abort();
        whose = CLIENT;
        SSL_write(p->c, data, 100);
        whose = SERVER;
        SSL_read(p->s, data, sizeof data);
        SSL_write(p->s, data, sizeof data);
        whose = CLIENT;
        SSL_read(p->c, data, sizeof data);
        SSL_read(p->c, data, sizeof data); /* finds nothing */
        whose = SERVER;
        SSL_read(p->s, data, sizeof data);
        whose = NOBODY;
        all[2 * i] = p->c, all[2 * i + 1] = p->s;
    }
    printf("{\"server\":%f,\"client\":%f}\n", (live[SERVER] - server) / n, (live[CLIENT] - client) / n);
    for (int i = 0; i < 2 * n; i++)
        SSL_free(all[i]);
    SSL_CTX_clear_mode(p->client, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(p->server, SSL_MODE_RELEASE_BUFFERS);
    free(links);
    free(all);
}

int main(int argc, char **argv) {
    char line[256], word[64];
    int a, b;
    if (argc != 2 || !CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free))
        return 2;
    folder = argv[1];
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
    BIO_meth_set_write_ex(method, put);
    BIO_meth_set_read_ex(method, take);
    BIO_meth_set_ctrl(method, control);
    printf("\"%s\"\n", OpenSSL_version(OPENSSL_VERSION));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "handshake %63s %d", word, &a) == 2)
            handshakes(word, a);
        else if (sscanf(line, "records %63s %d %d", word, &a, &b) == 3)
            records(word, a, b);
        else if (sscanf(line, "idle %d", &a) == 1)
            idle(a);
        else
            return 2;
        fflush(stdout);
    }
    return 0;
}
