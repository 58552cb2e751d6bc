#include "tls/certificates.h"

#ifdef HAVE_TLS

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

/* The contents of a file that a setting names. */
struct text {
	char *bytes;
	size_t length;
	BIO *bio;
};

#define SETTING(member) offsetof(struct tls_params, member)

static bool complain(const struct tls_loader *loader, size_t setting,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reports an error; returns false. */
static bool
complain(const struct tls_loader *loader, size_t setting, const char *format,
	 ...)
{
	char reason[TLS_REASON_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	ERR_clear_error();
	loader->report(loader->owner, TLS_ERROR, setting, reason);
	return false;
}

bool
certificates_out_of_memory(const struct tls_loader *loader)
{
	ERR_clear_error();
	loader->report(loader->owner, TLS_OUT_OF_MEMORY, 0, "");
	return false;
}

static void
close_text(struct text *text)
{
	BIO_free(text->bio);
	if (text->bytes)
		OPENSSL_cleanse(text->bytes, text->length);
	free(text->bytes);
}

/* The path of the file, which the caller frees; NULL if memory is out. */
static char *
find(const char *name)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (*name == '/')
		return strdup(name);
	return asprintf(&path, "%s/%s", directory ? directory : "", name) < 0 ?
		       NULL :
		       path;
}

/* True, and reported, if the name is neither a path nor of a credential. */
static bool
is_relative(const struct tls_loader *loader, size_t setting, const char *name)
{
	if (*name == '/' || !strchr(name, '/'))
		return false;
	complain(loader, setting,
		 "\"%s\" is neither an absolute path nor the name of a "
		 "credential",
		 name);
	return true;
}

/* True, and reported, if the file is in a directory that is not known. */
static bool
is_unknown(struct tls_loader *loader, size_t setting, const char *name)
{
	char reason[TLS_REASON_SIZE];

	if (*name == '/' || getenv("CREDENTIALS_DIRECTORY"))
		return false;
	snprintf(reason, sizeof(reason),
		 "\"%s\" is not an absolute path, and CREDENTIALS_DIRECTORY "
		 "is not set",
		 name);
	loader->report(loader->owner, TLS_NO_CREDENTIAL, setting, reason);
	loader->incomplete = true;
	return true;
}

bool
certificates_add_to_digest(const struct tls_loader *loader, const void *bytes,
			   size_t length)
{
	return EVP_DigestUpdate(loader->digest, &length, sizeof(length)) == 1 &&
	       EVP_DigestUpdate(loader->digest, bytes, length) == 1;
}

/* Reads the file and adds it to the digest.  False: an error is reported. */
static bool
read_text(const struct tls_loader *loader, size_t setting, const char *name,
	  struct text *text)
{
	char reason[FILE_REASON_SIZE] = "";
	char *path = find(name);

	if (path)
		text->bytes = file_read(path, &text->length, reason);
	if (text->bytes &&
	    certificates_add_to_digest(loader, text->bytes, text->length))
		text->bio = BIO_new_mem_buf(text->bytes, (int)text->length);
	if (*reason)
		complain(loader, setting, "%s: %s", path, reason);
	else if (!text->bio)
		certificates_out_of_memory(loader);
	free(path);
	if (!text->bio)
		close_text(text);
	return text->bio;
}

/*
 * Opens a file; the caller must call close_text().  False: an error is
 * reported.  True, but text->bio is NULL: it is a missing credential.
 */
static bool
open_text(struct tls_loader *loader, size_t setting, const char *name,
	  struct text *text)
{
	*text = (struct text){ 0 };
	if (is_relative(loader, setting, name))
		return false;
	return is_unknown(loader, setting, name) ||
	       read_text(loader, setting, name, text);
}

/* "2026-11-28 00:00:00 UTC" */
static void
format_date(const ASN1_TIME *date, char out[32])
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(date, &tm) != 1 ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		strcpy(out, "a date that is not valid");
}

/* Writes why the dates need a warning; false if they need none. */
static bool
check_dates(const X509 *certificate, char reason[128])
{
	const ASN1_TIME *start = X509_get0_notBefore(certificate);
	const ASN1_TIME *end = X509_get0_notAfter(certificate);
	int days = CERTIFICATES_DAYS, seconds = 0;
	char date[32];

	format_date(end, date);
	/* From now, in both; a time before now is negative. */
	ASN1_TIME_diff(&days, &seconds, NULL, end);
	if (days < 0 || seconds < 0) {
		snprintf(reason, 128, "expired on %s", date);
		return true;
	}
	if (days < CERTIFICATES_DAYS) {
		snprintf(reason, 128, "expires on %s, in less than %d days",
			 date, CERTIFICATES_DAYS);
		return true;
	}
	days = seconds = 0;
	ASN1_TIME_diff(&days, &seconds, NULL, start);
	format_date(start, date);
	snprintf(reason, 128, "is not valid before %s", date);
	return days > 0 || seconds > 0;
}

static void
note_expiry(const struct tls_loader *loader, const X509 *certificate)
{
	double *earliest = &loader->not_after[loader->file];
	struct tm tm;
	double end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return;
	end = (double)timegm(&tm);
	/* Also true if the earliest is NAN. */
	if (!(*earliest <= end))
		*earliest = end;
}

/*
 * Notes when the certificate expires.  Warns if it is not valid now, or not for
 * long.
 */
static void
check_validity(const struct tls_loader *loader, size_t setting,
	       const char *name, const X509 *certificate)
{
	char subject[256], dates[128], reason[TLS_REASON_SIZE];

	note_expiry(loader, certificate);
	if (!check_dates(certificate, dates))
		return;
	X509_NAME_oneline(X509_get_subject_name(certificate), subject,
			  sizeof(subject));
	snprintf(reason, sizeof(reason), "%s: the certificate of \"%s\" %s",
		 name, subject, dates);
	loader->report(loader->owner, TLS_WARNING, setting, reason);
}

#define REASON_SIZE 128

/*
 * ": REASON" of OpenSSL, such as "bad base64 decode".  "": it has only found
 * nothing, for which it has words that contradict the error.
 */
static const char *
damage(char text[REASON_SIZE])
{
	static const char *const nothing[] = {
		"",
		"no start line",
		"unsupported",
		"no certificate assigned",
	};
	const char *reason = tls_reason();

	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		if (strcmp(reason, nothing[i]) == 0)
			return "";
	snprintf(text, REASON_SIZE, ": %s", reason);
	return text;
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
use_chain(const struct tls_loader *loader, const char *name, BIO *bio)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (SSL_CTX_add0_chain_cert(loader->context, certificate) !=
		    1) {
			X509_free(certificate);
			return false;
		}
		check_validity(loader, SETTING(certificate), name, certificate);
	}
	return is_end();
}

/* OpenSSL would replace the other certificate in silence. */
static bool
has_key_type(SSL_CTX *context, const X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);
	int type = key ? EVP_PKEY_base_id(key) : EVP_PKEY_NONE;
	long more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);

	for (; more == 1;
	     more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT)) {
		const X509 *other = SSL_CTX_get0_certificate(context);

		if (EVP_PKEY_base_id(X509_get0_pubkey(other)) == type)
			return true;
	}
	return false;
}

static bool
use_certificate(struct tls_loader *loader, const char *name, X509 *certificate)
{
	if (has_key_type(loader->context, certificate))
		return complain(loader, SETTING(certificate),
				"%s: another certificate has a key of the same "
				"type",
				name);
	if (SSL_CTX_use_certificate(loader->context, certificate) != 1)
		return complain(loader, SETTING(certificate),
				"%s: the certificate cannot be used: %s", name,
				tls_reason());
	loader->certificate = SSL_CTX_get0_certificate(loader->context);
	check_validity(loader, SETTING(certificate), name, certificate);
	return true;
}

static bool
use_certificates(struct tls_loader *loader, const char *name, BIO *bio)
{
	X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	char reason[REASON_SIZE];
	bool done;

	if (certificate && !use_certificate(loader, name, certificate)) {
		X509_free(certificate);
		return false;
	}
	done = certificate && use_chain(loader, name, bio);
	X509_free(certificate);
	return done || complain(loader, SETTING(certificate),
				"%s holds no certificates in PEM that can be "
				"used%s",
				name, damage(reason));
}

static bool
load_certificate(struct tls_loader *loader, const char *name)
{
	struct text text;
	bool done;

	loader->certificate = NULL;
	if (!open_text(loader, SETTING(certificate), name, &text))
		return false;
	done = !text.bio || use_certificates(loader, name, text.bio);
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

/* A certificate, and the file of its key with the setting that names it. */
struct pair {
	const char *certificate;
	const char *key;
	size_t setting; /* as in tls_report */
};

static struct pair
find_pair(const struct tls_params *params, size_t at)
{
	const char *certificate = params->certificate.items[at];

	if (params->key.count > 0)
		return (struct pair){ certificate, params->key.items[at],
				      SETTING(key) };
	return (struct pair){ certificate, certificate, SETTING(certificate) };
}

static bool
use_key(const struct tls_loader *loader, const struct pair *pair, BIO *bio)
{
	char reason[REASON_SIZE];
	bool encrypted = false;
	EVP_PKEY *key =
		PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
	bool matches = key &&
		       (!loader->certificate ||
			X509_check_private_key(loader->certificate, key) == 1);
	bool done = matches &&
		    SSL_CTX_use_PrivateKey(loader->context, key) == 1;

	if (encrypted)
		complain(loader, pair->setting,
			 "the key in %s is encrypted; echod cannot ask for a "
			 "passphrase",
			 pair->key);
	else if (!key)
		complain(loader, pair->setting,
			 "%s holds no private key in PEM%s%s", pair->key,
			 loader->params->key.count > 0 ?
				 "" :
				 ", and no tls.key is set",
			 damage(reason));
	else if (!matches)
		complain(loader, pair->setting,
			 "the key in %s does not match the certificate in %s",
			 pair->key, pair->certificate);
	else if (!done)
		complain(loader, pair->setting,
			 "the key in %s cannot be used%s", pair->key,
			 damage(reason));
	EVP_PKEY_free(key);
	return done;
}

static bool
load_key(struct tls_loader *loader, const struct pair *pair)
{
	struct text text;
	bool done;

	/* In the same file as the certificate, which is not known. */
	if (pair->setting == SETTING(certificate) && !loader->certificate)
		return true;
	if (!open_text(loader, pair->setting, pair->key, &text))
		return false;
	done = !text.bio || use_key(loader, pair, text.bio);
	close_text(&text);
	return done;
}

static bool
load_pair(struct tls_loader *loader, size_t at)
{
	struct pair pair = find_pair(loader->params, at);

	loader->file = at;
	return load_certificate(loader, pair.certificate) &&
	       load_key(loader, &pair);
}

static bool
use_authorities(const struct tls_loader *loader, BIO *bio)
{
	SSL_CTX *context = loader->context;
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509 *certificate;
	unsigned count = 0;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		bool done = X509_STORE_add_cert(store, certificate) == 1 &&
			    SSL_CTX_add_client_CA(context, certificate) == 1;

		check_validity(loader, SETTING(client_ca),
			       loader->params->client_ca, certificate);
		X509_free(certificate);
		if (!done)
			return false;
		count++;
	}
	return count > 0 && is_end();
}

static bool
load_client_ca(struct tls_loader *loader)
{
	const struct tls_params *settings = loader->params;
	char reason[REASON_SIZE];
	struct text text;
	bool done;

	if (!*settings->client_ca)
		return true;
	loader->file = settings->certificate.count;
	if (!open_text(loader, SETTING(client_ca), settings->client_ca, &text))
		return false;
	done = !text.bio || use_authorities(loader, text.bio);
	if (!done)
		complain(loader, SETTING(client_ca),
			 "%s holds no certificates in PEM that can be used%s",
			 settings->client_ca, damage(reason));
	close_text(&text);
	SSL_CTX_set_verify(loader->context,
			   SSL_VERIFY_PEER |
				   (settings->require_client_certificate ?
					    SSL_VERIFY_FAIL_IF_NO_PEER_CERT :
					    0),
			   NULL);
	return done;
}

bool
certificates_load(struct tls_loader *loader)
{
	for (size_t i = 0; i < loader->params->certificate.count; i++)
		if (!load_pair(loader, i))
			return false;
	return load_client_ca(loader) && !loader->incomplete;
}

#endif
