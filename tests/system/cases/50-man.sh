# man finds the pages and formats them without complaint.

# page NAME SECTION
page()
{
	match "man -w $1 finds it" "/man$2/$1\.$2(\.gz)?\$" inside man -w "$1"
	expect "man $1 has nothing to complain about" "" \
		inside sh -c "man --warnings $1 2>&1 >/dev/null"
	match "man $1 has a NAME" "^ +$1 (-|–|—) ." inside man "$1"
}
page echod 8
page echod.conf 5
page echoprobe 1
match "echod(8) refers to echod.conf(5)" 'echod\.conf\(5\)' inside man echod
