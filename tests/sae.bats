load helper

@test "the page has the table that the reader uses" {
	sed -n '/^\.\\" as tests\/dialects prints it$/,/^\.\\" end$/p' "$ROOT/man/sae.5" |
		sed '1d;$d' >page
	"$BUILD/tests/dialects" | diff - page
}
