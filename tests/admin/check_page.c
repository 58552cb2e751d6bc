#include "admin/page.h"

#include "support/suite.h"

static char *
page_of(const char *metrics)
{
	size_t length = 0;
	char *page = page_format(metrics, &length);

	ck_assert_ptr_nonnull(page);
	ck_assert_uint_eq(strlen(page), length);
	return page;
}

/* Checks the rows of the table, and that the page around them is whole. */
static void
has_rows(const char *metrics, const char *rows)
{
	static const char begin[] = "<table>\n";
	char *empty = page_of("");
	char *page = page_of(metrics);
	const char *at = strstr(page, begin);
	size_t before;

	ck_assert_ptr_nonnull(at);
	at += strlen(begin);
	before = (size_t)(at - page);
	ck_assert_mem_eq(page, empty, before);
	ck_assert_msg(strncmp(at, rows, strlen(rows)) == 0,
		      "no \"%s\" at:\n%.500s", rows, at);
	ck_assert_str_eq(at + strlen(rows), empty + before);
	free(page);
	free(empty);
}

START_TEST(test_a_sample_is_a_row)
{
	has_rows("# HELP a_total What a is.\n# TYPE a_total counter\n"
		 "a_total 7\n",
		 "<tr><td>What a is.<td>a_total<td>7\n");
	has_rows("a_seconds 1.50\n", "<tr><td><td>a_seconds<td>1.50\n");
	has_rows("a 5", "<tr><td><td>a<td>5\n");
}
END_TEST

START_TEST(test_a_family_is_explained_once)
{
	has_rows("# HELP a What a is.\n# TYPE a gauge\n"
		 "a{b=\"c d\"} 0\na{b=\"e\"} 1\na{b=\"f\"} 2\n"
		 "# HELP g What g is.\n# TYPE g gauge\ng 3\n",
		 "<tr><td>What a is.<td>a{b=\"e\"}<td>1\n"
		 "<tr><td><td>{b=\"f\"}<td>2\n"
		 "<tr><td>What g is.<td>g<td>3\n");
}
END_TEST

START_TEST(test_zeros_and_buckets_are_left_out)
{
	has_rows("a 0\nb 0.000\nc_bucket{le=\"1\"} 4\nc_sum 0.5\n"
		 "c_count 4\n\n",
		 "<tr><td><td>c_sum<td>0.5\n<tr><td><td>c_count<td>4\n");
}
END_TEST

START_TEST(test_a_time_is_a_date)
{
	has_rows("a_start_time_seconds 1795600000.125\n"
		 "b_end_timestamp_seconds{c=\"d\"} 1795600000\n"
		 "e_uptime_seconds 1795600000\n"
		 "f_timestamp_seconds 99999999999999999999\n",
		 "<tr><td><td>a_start_time_seconds<td>"
		 "2026-11-25 09:46:40 UTC\n"
		 "<tr><td><td>b_end_timestamp_seconds{c=\"d\"}<td>"
		 "2026-11-25 09:46:40 UTC\n"
		 "<tr><td><td>e_uptime_seconds<td>1795600000\n"
		 "<tr><td><td>f_timestamp_seconds<td>"
		 "99999999999999999999\n");
}
END_TEST

START_TEST(test_markup_is_escaped)
{
	has_rows("# HELP a b < c & d.\na{e=\"</noscript>&amp;\"} 1\n",
		 "<tr><td>b &lt; c &amp; d."
		 "<td>a{e=\"&lt;/noscript>&amp;amp;\"}<td>1\n");
}
END_TEST

START_TEST(test_title_and_heading_have_the_host)
{
	char *page = page_of("# TYPE echod_host_info gauge\n"
			     "echod_host_info{host=\"<b>&\"} 1\n");

	ck_assert_ptr_nonnull(
		strstr(page, "<title>&lt;b>&amp; – echod</title>"));
	ck_assert_ptr_nonnull(
		strstr(page, "<span id=\"host\">&lt;b>&amp;</span></h1>"));
	ck_assert_ptr_null(strstr(page, "<!-- host"));
	free(page);
}
END_TEST

/* Without the rows, whose number depends on the configuration. */
START_TEST(test_the_page_is_small)
{
	char *page = page_of("");

	ck_assert_uint_lt(strlen(page), 30000);
	free(page);
}
END_TEST

SUITE(test_a_sample_is_a_row, test_a_family_is_explained_once,
      test_zeros_and_buckets_are_left_out, test_a_time_is_a_date,
      test_markup_is_escaped, test_title_and_heading_have_the_host,
      test_the_page_is_small)
