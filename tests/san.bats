# That the sanitizers of SAN=1 see what they are there for, leaks among it: what makes them blind
# (a debugger, an option in the environment) would pass unseen.
load helper

setup() {
	[ -n "$SAN" ] || skip "of SAN=1"
	cd "$BATS_TEST_TMPDIR" || exit
	cat >faulty.c <<-'END'
	#include <limits.h>
	#include <stdlib.h>
	static char *volatile lost;
	int main(int n, char **word)
	{
		(void)n;
		switch (*word[1]) {
		case 'l':	/* leak */
			lost = malloc(10);
			lost = NULL;
			break;
		case 'o':	/* overflow */
			lost = malloc(10);
			lost[n + 8] = 1;
			break;
		case 'u':	/* undefined */
			return (n + INT_MAX) / 2 > 0;
		}
		return 0;
	}
	END
	"${CC:-cc}" -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -o faulty faulty.c
}

@test "a leak, an overflow and undefined behaviour are seen, and nothing where there is none" {
	./faulty none 2>report
	[ ! -s report ]
	refute ./faulty leak 2>report
	grep -q "LeakSanitizer: detected memory leaks" report
	refute ./faulty overflow 2>report
	grep -q "AddressSanitizer: heap-buffer-overflow" report
	refute ./faulty undefined 2>report
	grep -q "runtime error: signed integer overflow" report
}

@test "a program that ends with status 0 has freed what it took" {
	for kind in activations distributions matching graph; do
		stream $kind | framecat | frame2json | json2frame | framecat --check
	done
	stream distributions | sinkhorn --quiet --threads 2 | hungarian --quiet --threads 2 |
		frame2tsv >/dev/null
	stream activations | coact --quiet --threads 2 | nearest --quiet | framecat --check
}
