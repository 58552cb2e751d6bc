#include "support/certificates.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#ifdef HAVE_TLS
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#endif

#include "support/suite.h"

static char directory[64];

/* P-256: quick to make and to use. */
static const char making[] =
	"exec >/dev/null 2>&1; set -e; cd %s\n"
	"key() {\n"
	"  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
	" -out $1.key\n"
	"}\n"
	"self() {\n"
	"  key $1\n"
	"  openssl req -new -x509 -days 30 -key $1.key -out $1.pem -subj "
	"\"$2\"\n"
	"}\n"
	"self server /CN=localhost; self renewed /CN=renewed; self ca /CN=ca\n"
	"openssl req -new -x509 -days 30 -newkey rsa:2048 -nodes"
	" -keyout rsa.key -out rsa.pem -subj /CN=rsa\n"
	"cat rsa.pem rsa.key >rsa-both.pem\n"
	"self stranger /CN=stranger; key client\n"
	"openssl req -new -key client.key -out client.csr -subj '/CN=client "
	"9'\n"
	"openssl x509 -req -days 30 -in client.csr -CA ca.pem -CAkey ca.key"
	" -set_serial 9 -out client.pem\n"
	"cat server.pem server.key >both.pem\n"
	"openssl pkey -in server.key -aes256 -passout pass:x -out locked.key\n";

const char *
tls_directory(void)
{
	char command[sizeof(making) + sizeof(directory)];

	if (*directory)
		return directory;
	if (system("openssl version >/dev/null 2>&1") != 0)
		skip("openssl is not installed");
	strcpy(directory, "/tmp/echod-tls.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(command, sizeof(command), making, directory);
	ck_assert_int_eq(system(command), 0);
	return directory;
}

#ifdef HAVE_TLS

static FILE *
open_file(const char *name, const char *suffix, const char *how)
{
	char path[sizeof(directory) + 32];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.%s", tls_directory(), name, suffix);
	file = fopen(path, how);
	ck_assert_ptr_nonnull(file);
	return file;
}

void
tls_set_dates(const char *name, int from, int to)
{
	FILE *file = open_file(name, "key", "r");
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	X509 *certificate;

	fclose(file);
	file = open_file(name, "pem", "r");
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ck_assert(key && certificate);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to * 86400L);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	file = open_file(name, "pem", "w");
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

#endif

void
tls_clean(void)
{
	char command[sizeof(directory) + 8];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
	*directory = '\0';
}

const char *
tls_config(const char *format, ...)
{
	static char config[4096];
	char text[2048];
	const char *from = text;
	char *to = config;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	while (*from) {
		if (strncmp(from, "DIR", 3) == 0 && from[3] != 'E') {
			to = stpcpy(to, tls_directory());
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return config;
}
