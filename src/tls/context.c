#include "tls/context.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_TLS

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "base/file.h"

/* The only protocol, in the format of ALPN (RFC 7301, 3.1). */
static const unsigned char protocols[] = "\4echo";

struct tls_context {
	atomic_uint references;
	SSL_CTX *ssl;
	/* Of the settings and the file contents. */
	unsigned char digest[SHA256_DIGEST_LENGTH];
};

/* A context that is being made. */
struct making {
	const struct tls_params *settings;
	struct tls_context *made;
	SSL_CTX *context; /* made->ssl */
	EVP_MD_CTX *digest;
	struct tls_problem *problem;
};

/* The contents of a file that a setting names. */
struct text {
	char *bytes;
	size_t length;
	BIO *bio;
};

#define SETTING(member) offsetof(struct tls_params, member)

static bool complain(const struct making *making, size_t setting,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool
complain(const struct making *making, size_t setting, const char *format, ...)
{
	struct tls_problem *problem = making->problem;
	va_list arguments;

	problem->setting = setting;
	va_start(arguments, format);
	vsnprintf(problem->reason, sizeof(problem->reason), format, arguments);
	va_end(arguments);
	ERR_clear_error();
	return false;
}

static bool
out_of_memory(const struct making *making)
{
	making->problem->reason[0] = '\0';
	ERR_clear_error();
	return false;
}

const char *
tls_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

const char *
tls_reason(void)
{
	/* The first error is the cause of the others. */
	unsigned long error = ERR_get_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	ERR_clear_error();
	return reason ? reason : "";
}

static void
close_text(struct text *text)
{
	BIO_free(text->bio);
	if (text->bytes)
		OPENSSL_cleanse(text->bytes, text->length);
	free(text->bytes);
}

/* The path of the file, which the caller frees; NULL, with a problem. */
static char *
find(const struct making *making, size_t setting, const char *name)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path = NULL;

	if (*name != '/' && !directory)
		complain(making, setting,
			 "\"%s\" is not an absolute path, and "
			 "CREDENTIALS_DIRECTORY is not set",
			 name);
	else if (asprintf(&path, "%s%s%s", *name == '/' ? "" : directory,
			  *name == '/' ? "" : "/", name) < 0) {
		out_of_memory(making);
		return NULL;
	}
	return path;
}

/* With the length: two different sequences never have the same digest. */
static bool
add_to_digest(const struct making *making, const void *bytes, size_t length)
{
	return EVP_DigestUpdate(making->digest, &length, sizeof(length)) == 1 &&
	       EVP_DigestUpdate(making->digest, bytes, length) == 1;
}

static bool
open_text(const struct making *making, size_t setting, const char *name,
	  struct text *text)
{
	char *path = find(making, setting, name);
	char reason[FILE_REASON_SIZE];

	*text = (struct text){ 0 };
	if (!path)
		return false;
	text->bytes = file_read(path, &text->length, reason);
	if (text->bytes && add_to_digest(making, text->bytes, text->length))
		text->bio = BIO_new_mem_buf(text->bytes, (int)text->length);
	else if (!text->bytes && *reason)
		complain(making, setting, "%s: %s", path, reason);
	if (!text->bio && (text->bytes || !*reason))
		out_of_memory(making);
	free(path);
	if (!text->bio)
		close_text(text);
	return text->bio;
}

/* True if reading stopped at the end of the file, not within a certificate. */
static bool
is_end(void)
{
	unsigned long error = ERR_peek_last_error();

	if (ERR_GET_LIB(error) != ERR_LIB_PEM ||
	    ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* The other certificates in the file are the chain to a root. */
static bool
use_chain(SSL_CTX *context, BIO *bio)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
			X509_free(certificate);
			return false;
		}
	}
	return is_end();
}

static bool
use_certificates(SSL_CTX *context, BIO *bio)
{
	X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool done = certificate &&
		    SSL_CTX_use_certificate(context, certificate) == 1 &&
		    use_chain(context, bio);

	X509_free(certificate);
	return done;
}

static bool
load_certificate(const struct making *making)
{
	const char *name = making->settings->certificate;
	struct text text;
	bool done;

	if (!open_text(making, SETTING(certificate), name, &text))
		return false;
	done = use_certificates(making->context, text.bio);
	if (!done)
		complain(making, SETTING(certificate),
			 "%s holds no certificates in PEM that can be used: %s",
			 name, tls_reason());
	close_text(&text);
	return done;
}

/* OpenSSL's pem_password_cb: a daemon cannot ask for a passphrase. */
static int
no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* The file with the key, and the setting that names it. */
struct key_location {
	size_t setting; /* as in struct tls_problem */
	const char *name;
};

static struct key_location
find_key(const struct tls_params *settings)
{
	if (*settings->key)
		return (struct key_location){ SETTING(key), settings->key };
	return (struct key_location){ SETTING(certificate),
				      settings->certificate };
}

static bool
use_key(const struct making *making, const struct key_location *location,
	BIO *bio)
{
	bool encrypted = false;
	EVP_PKEY *key =
		PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
	bool done = key && SSL_CTX_use_PrivateKey(making->context, key) == 1 &&
		    SSL_CTX_check_private_key(making->context) == 1;

	if (encrypted)
		complain(making, location->setting,
			 "the key in %s is encrypted; echod cannot ask for a "
			 "passphrase",
			 location->name);
	else if (!key)
		complain(making, location->setting,
			 "%s holds no private key in PEM%s: %s", location->name,
			 *making->settings->key ? "" :
						  ", and no tls.key is set",
			 tls_reason());
	else if (!done)
		complain(making, location->setting,
			 "the key in %s does not match the certificate in %s: "
			 "%s",
			 location->name, making->settings->certificate,
			 tls_reason());
	EVP_PKEY_free(key);
	return done;
}

static bool
load_key(const struct making *making)
{
	struct key_location location = find_key(making->settings);
	struct text text;
	bool done;

	if (!open_text(making, location.setting, location.name, &text))
		return false;
	done = use_key(making, &location, text.bio);
	close_text(&text);
	return done;
}

static bool
use_authorities(SSL_CTX *context, BIO *bio, unsigned *count)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509 *certificate;

	*count = 0;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		bool done = X509_STORE_add_cert(store, certificate) == 1 &&
			    SSL_CTX_add_client_CA(context, certificate) == 1;

		X509_free(certificate);
		if (!done)
			return false;
		(*count)++;
	}
	return *count > 0 && is_end();
}

static bool
load_client_ca(const struct making *making)
{
	const struct tls_params *settings = making->settings;
	struct text text;
	unsigned count;
	bool done;

	if (!*settings->client_ca)
		return true;
	if (!open_text(making, SETTING(client_ca), settings->client_ca, &text))
		return false;
	done = use_authorities(making->context, text.bio, &count);
	if (!done)
		complain(making, SETTING(client_ca),
			 "%s holds no certificates in PEM that can be used: %s",
			 settings->client_ca, tls_reason());
	close_text(&text);
	SSL_CTX_set_verify(making->context,
			   SSL_VERIFY_PEER |
				   (settings->require_client_certificate ?
					    SSL_VERIFY_FAIL_IF_NO_PEER_CERT :
					    0),
			   NULL);
	return done;
}

/* A client that offers protocols must offer this one (RFC 7301, 3.2). */
static int
choose_protocol(SSL *link, const unsigned char **out, unsigned char *length,
		const unsigned char *offered, unsigned offered_length,
		void *argument)
{
	unsigned char *chosen;

	(void)link;
	(void)argument;
	if (SSL_select_next_proto(&chosen, length, protocols,
				  sizeof(protocols) - 1, offered,
				  offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Switches off what an echo does not need and an attacker could use:
 * renegotiation, compression and resumption.  The end of a stream without
 * close_notify is accepted: the client gets the echo of what it sent.
 */
static bool
set_rules(const struct making *making)
{
	static const int versions[] = {
		[TLS_1_2] = TLS1_2_VERSION,
		[TLS_1_3] = TLS1_3_VERSION,
	};
	SSL_CTX *context = making->context;

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_TICKET |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(
		       context, versions[making->settings->minimum]) == 1;
}

/* Adds the settings; the contents of the files follow. */
static bool
begin_digest(const struct making *making)
{
	const struct tls_params *settings = making->settings;
	const int rules[] = {
		settings->minimum,
		settings->require_client_certificate,
	};

	return EVP_DigestInit_ex(making->digest, EVP_sha256(), NULL) == 1 &&
	       add_to_digest(making, rules, sizeof(rules));
}

static bool
make(struct making *making)
{
	making->context = SSL_CTX_new(TLS_server_method());
	making->made->ssl = making->context;
	making->digest = EVP_MD_CTX_new();
	if (!making->context || !making->digest || !set_rules(making) ||
	    !begin_digest(making))
		return out_of_memory(making);
	if (!load_certificate(making) || !load_key(making) ||
	    !load_client_ca(making))
		return false;
	return EVP_DigestFinal_ex(making->digest, making->made->digest, NULL) ==
		       1 ||
	       out_of_memory(making);
}

bool
tls_context_new(const struct tls_params *params, struct tls_context **context,
		struct tls_problem *problem)
{
	struct making making = {
		.settings = params,
		.problem = problem,
	};

	*context = NULL;
	if (!*params->certificate)
		return true;
	making.made = calloc(1, sizeof(*making.made));
	if (!making.made)
		return out_of_memory(&making);
	atomic_init(&making.made->references, 1);
	if (make(&making))
		*context = making.made;
	else
		tls_context_unref(making.made);
	EVP_MD_CTX_free(making.digest);
	return *context;
}

bool
tls_context_equal(const struct tls_context *a, const struct tls_context *b)
{
	return a == b ||
	       (a && b && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0);
}

void
tls_context_share(struct tls_context **context, struct tls_context *other)
{
	if (*context == other || !tls_context_equal(*context, other))
		return;
	tls_context_unref(*context);
	*context = other;
	atomic_fetch_add_explicit(&other->references, 1, memory_order_relaxed);
}

void
tls_context_unref(struct tls_context *context)
{
	if (!context || atomic_fetch_sub_explicit(&context->references, 1,
						  memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

struct ssl_ctx_st *
tls_context_ssl(const struct tls_context *context)
{
	return context->ssl;
}

#else

bool
tls_context_new(const struct tls_params *params, struct tls_context **context,
		struct tls_problem *problem)
{
	*context = NULL;
	if (!*params->certificate)
		return true;
	problem->setting = offsetof(struct tls_params, certificate);
	snprintf(problem->reason, sizeof(problem->reason),
		 "echod was built without TLS");
	return false;
}

#endif
