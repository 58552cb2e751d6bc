# Numbered results, TAP-like, and the one line that sums them up.

tap_passed=0 tap_failed=0 tap_skipped=0

# Prefixes standard input as a diagnostic.
tap_diagnose()
{
	sed 's/^/#   /'
}

tap_note()
{
	echo "# $*"
}

tap_number()
{
	echo $((tap_passed + tap_failed + tap_skipped))
}

tap_ok()
{
	tap_passed=$((tap_passed + 1))
	echo "ok $(tap_number) - $1"
}

# tap_not_ok DESCRIPTION [DIAGNOSTICS]
tap_not_ok()
{
	tap_failed=$((tap_failed + 1))
	echo "not ok $(tap_number) - $1"
	if [ -n "${2-}" ]; then
		printf '%s\n' "$2" | tap_diagnose
	fi
}

tap_skip()
{
	tap_skipped=$((tap_skipped + 1))
	echo "ok $(tap_number) # SKIP $1"
}

# Ends the process.
tap_close()
{
	echo "1..$(tap_number)"
	echo "$tap_passed passed, $tap_failed failed, $tap_skipped skipped"
	[ "$tap_failed" = 0 ] || exit 1
	exit 0
}

# check DESCRIPTION COMMAND...: the command succeeds.  It runs in a subshell,
# and what it prints is shown if it fails.
check()
{
	tap_description=$1
	shift
	if tap_output=$("$@" 2>&1); then
		tap_ok "$tap_description"
	else
		tap_not_ok "$tap_description" "\$ $*
$tap_output"
	fi
}

fails()
{
	! "$@"
}

# expect DESCRIPTION TEXT COMMAND...: the command succeeds and prints just that.
expect()
{
	tap_description=$1
	shift
	check "$tap_description" prints "$@"
}

prints()
{
	wanted=$1
	shift
	got=$("$@") || { echo "failed: $got"; return 1; }
	[ "$got" = "$wanted" ] || {
		printf 'wanted: %s\ngot:    %s\n' "$wanted" "$got"
		return 1
	}
}

# match DESCRIPTION REGEX COMMAND...: the command succeeds, and a line of what
# it prints matches the extended regular expression.
match()
{
	tap_description=$1
	shift
	check "$tap_description" prints_line "$@"
}

prints_line()
{
	wanted=$1
	shift
	got=$("$@") || { echo "failed: $got"; return 1; }
	printf '%s\n' "$got" | grep -Eq -e "$wanted" || {
		printf 'no line matches: %s\n%s\n' "$wanted" "$got"
		return 1
	}
}

# eventually COMMAND...: tries until it succeeds, for 20 seconds.
eventually()
{
	deadline=$(($(date +%s) + 20))
	until output=$("$@" 2>&1); do
		[ "$(date +%s)" -lt "$deadline" ] || {
			printf 'not within 20 seconds; last:\n%s\n' "$output"
			return 1
		}
		sleep 0.1
	done
}
