#include "origin.h"

#include "admit.h"
#include "fault.h"
#include "loop.h"
#include "snapshot.h"

struct fixture {
	struct admit *admit;
	struct gate *gate;
	struct config *config;
	struct origin origin;
	int peer;
};

/* Who has come to a listener with these settings. */
static void
begin(struct fixture *fixture, const char *settings)
{
	struct origin *origin = &fixture->origin;
	enum refuse_reason reason;
	char text[128];
	int fds[2];

	memset(fixture, 0, sizeof(*fixture));
	fixture->admit = admit_new();
	fixture->gate = gate_new(fixture->admit, "main");
	fixture->config = accepted(settings);
	loopback_pair(fds);
	fixture->peer = fds[0];
	origin->fd = fds[1];
	ck_assert_ptr_null(address_parse("192.0.2.7:51234", &origin->peer, text,
					 sizeof(text)));
	origin->gate = fixture->gate;
	origin->per_source = 1;
	origin->listener = fixture->config->listeners[0].settings;
	ck_assert(gate_enter(fixture->gate, &origin->peer, 1, &origin->id,
			     &reason));
}

static void
end(struct fixture *fixture)
{
	origin_refuse(&fixture->origin);
	close(fixture->peer);
	config_unref(fixture->config);
	gate_release(fixture->gate);
	admit_free(fixture->admit);
}

START_TEST(who_is_refused_leaves_nothing_behind)
{
	struct fixture fixture;
	const struct origin *origin = &fixture.origin;
	enum refuse_reason reason;
	uint64_t id;
	char byte;

	begin(&fixture, "");
	ck_assert(!gate_enter(fixture.gate, &origin->peer, 1, &id, &reason));
	ck_assert_int_eq(reason, REFUSE_per_source);

	origin_refuse(origin);
	ck_assert_uint_eq(gate_count(fixture.gate), 0);
	ck_assert(gate_enter(fixture.gate, &origin->peer, 1, &id, &reason));
	fcntl(fixture.peer, F_SETFL, 0);
	ck_assert_int_eq(recv(fixture.peer, &byte, 1, 0), 0);

	/* For end(). */
	fixture.origin.fd = -1;
	end(&fixture);
}
END_TEST

START_TEST(so_many_misbehave_as_are_to)
{
	struct fixture fixture;
	const struct fault_terms *terms;

	begin(&fixture, "fault = { every = 3; end = \"reset\"; };");
	terms = &fixture.origin.listener->fault;
	for (int i = 1; i <= 9; i++)
		ck_assert_ptr_eq(origin_fault(&fixture.origin),
				 i % 3 == 0 ? terms : NULL);
	end(&fixture);
}
END_TEST

START_TEST(nobody_misbehaves_by_default)
{
	struct fixture fixture;

	begin(&fixture, "");
	ck_assert_ptr_null(origin_fault(&fixture.origin));
	end(&fixture);
}
END_TEST

START_TEST(a_line_in_the_log_names_the_proxy_if_there_is_one)
{
	struct fixture fixture;
	struct origin *origin = &fixture.origin;
	struct report_subject subject;

	begin(&fixture, "");
	origin->quiet = true;
	subject = origin_subject(origin);
	ck_assert_ptr_eq(subject.peer, &origin->peer);
	ck_assert_ptr_null(subject.via);
	ck_assert_ptr_null(subject.tls);
	ck_assert_str_eq(subject.listener, "main");
	ck_assert_uint_eq(subject.id, origin->id);
	ck_assert(subject.quiet);
	origin->via = origin->peer;
	ck_assert_ptr_eq(origin_subject(origin).via, &origin->via);
	end(&fixture);
}
END_TEST

SUITE(who_is_refused_leaves_nothing_behind, so_many_misbehave_as_are_to,
      nobody_misbehaves_by_default,
      a_line_in_the_log_names_the_proxy_if_there_is_one)
