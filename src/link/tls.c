/* SPDX-License-Identifier: MIT */
#include "link/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/error.h"

#define SAME_KEY "copy the cluster's key file from one node to all, and start this broker anew"

static const struct {
	int reason; /* of OpenSSL's */
	const char *words;
} reasons[] = {
	{ SSL_R_BINDER_DOES_NOT_VERIFY,
	  "it has another cluster key than this node: " SAME_KEY },
	{ SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER,
	  "it has another cluster key than this node: " SAME_KEY },
	{ SSL_R_TLSV1_ALERT_DECRYPT_ERROR,
	  "it has another cluster key than this node: " SAME_KEY },
	{ SSL_R_NO_SHARED_CIPHER,
	  "it showed no cluster key; does it use certificates, or is it "
	  "no broker at all?" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
	  "it showed no cluster key; does it use certificates, or is it no broker at all?" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
	  "it does not accept a cluster key; does it use certificates?" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED,
	  "its certificate is not of this cluster's authority, has run out, or is another "
	  "node's" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	  "it does not know the authority of this node's certificate" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "this node's certificate has run out" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not accept this node's certificate" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it showed no certificate" },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate of this node" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "it does not speak TLS 1.3" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it does not speak TLS 1.3" },
	{ SSL_R_WRONG_VERSION_NUMBER, "it does not speak TLS; is it a broker?" },
	{ SSL_R_HTTP_REQUEST, "it does not speak TLS; is it a broker?" },
};

static int distrust(const struct link_tls *t, int fallback, const char *words)
{
	unsigned long error = ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);

	ERR_clear_error();
	if (t->secret->keyed && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return fail(-EACCES, "it shows a certificate, and this node has a cluster key: "
				     "all nodes must have the same in [cluster]");
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (ERR_GET_LIB(error) == ERR_LIB_SSL && reasons[i].reason == reason)
			return fail(-EACCES, "%s", reasons[i].words);
	return fail(fallback, "%s", words);
}

int link_tls_open(struct link_tls *t, const struct link_secret *secret, bool dialled,
		  uint32_t node)
{
	char name[LINK_NAME_SIZE];

	*t = (struct link_tls){ .secret = secret };
	t->ssl = SSL_new(secret->context);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	link_certificate_name(node, name);
	if (!t->ssl || !t->in || !t->out || (dialled && !SSL_set1_host(t->ssl, name))) {
		BIO_free(t->in);
		BIO_free(t->out);
		SSL_free(t->ssl);
		*t = (struct link_tls){ .ssl = NULL };
		ERR_clear_error();
		return -ENOMEM;
	}
	SSL_set_bio(t->ssl, t->in, t->out);
	if (dialled)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	return 0;
}

void link_tls_close(struct link_tls *t)
{
	SSL_free(t->ssl);
	*t = (struct link_tls){ .ssl = NULL };
}

int link_tls_feed(struct link_tls *t, const void *bytes, size_t size)
{
	size_t taken = 0;

	return BIO_write_ex(t->in, bytes, size, &taken) && taken == size ? 0 : -ENOMEM;
}

size_t link_tls_pending(const struct link_tls *t)
{
	return t->out ? BIO_ctrl_pending(t->out) : 0;
}

size_t link_tls_take(struct link_tls *t, void *bytes, size_t capacity)
{
	size_t taken = 0;

	if (!t->out || !BIO_read_ex(t->out, bytes, capacity, &taken))
		return 0;
	return taken;
}

/* TLS would also be content with what no one has proved anything with. */
static bool has_proved(const struct link_tls *t)
{
	if (SSL_version(t->ssl) != TLS1_3_VERSION)
		return false;
	if (t->secret->keyed)
		return SSL_session_reused(t->ssl) == 1;
	return SSL_get0_peer_certificate(t->ssl) != NULL &&
	       SSL_get_verify_result(t->ssl) == X509_V_OK;
}

int link_tls_shake(struct link_tls *t)
{
	int r, error;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1 && has_proved(t)) {
		t->secure = true;
		return 0;
	}
	if (r == 1)
		return fail(-EACCES, "it has not shown that it belongs to the cluster");
	error = SSL_get_error(t->ssl, r);
	if (error == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	return distrust(t, -EACCES, "it does not speak TLS as it should; is it a broker?");
}

int link_tls_read(struct link_tls *t, void *bytes, size_t capacity, size_t *ret_size)
{
	int r, error;

	ERR_clear_error();
	r = SSL_read_ex(t->ssl, bytes, capacity, ret_size);
	if (r == 1)
		return 0;
	error = SSL_get_error(t->ssl, r);
	if (error == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return -ENOTCONN;
	return distrust(t, -EPROTO, "it does not speak TLS as it should");
}

int link_tls_write(struct link_tls *t, const void *bytes, size_t size)
{
	size_t written = 0;

	ERR_clear_error();
	if (SSL_write_ex(t->ssl, bytes, size, &written) == 1 && written == size)
		return 0;
	return distrust(t, -EPROTO, "TLS does not work any more");
}

void link_tls_finish(struct link_tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

bool link_tls_may_be(const struct link_tls *t, uint32_t node)
{
	char name[LINK_NAME_SIZE];
	X509 *certificate;

	if (t->secret->keyed)
		return true;
	link_certificate_name(node, name);
	certificate = SSL_get0_peer_certificate(t->ssl);
	return certificate && X509_check_host(certificate, name, 0, 0, NULL) == 1;
}
