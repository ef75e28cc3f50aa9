# Where the n-th allocation fails, a program says that memory is out, or writes what it always does.
load helper

setup() {
	[ -z "$SAN" ] || skip "the sanitizers have an allocator of their own"
	cd "$BATS_TEST_TMPDIR" || exit
	cat >shim.c <<-'END'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <errno.h>
	#include <stdlib.h>
	extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
	extern void *__libc_realloc(void *, size_t);
	static long left = -1;
	static int ends(void)
	{
		if (left < 0 || left-- > 0)
			return 0;
		errno = ENOMEM;
		return 1;
	}
	void *malloc(size_t n) { return ends() ? NULL : __libc_malloc(n); }
	void *calloc(size_t n, size_t size) { return ends() ? NULL : __libc_calloc(n, size); }
	void *realloc(void *p, size_t n) { return ends() ? NULL : __libc_realloc(p, n); }
	static int (*its_main)(int, char **, char **);
	static int begin(int n, char **word, char **set)
	{
		left = atol(getenv("FAIL"));
		return its_main(n, word, set);
	}
	int __libc_start_main(int (*m)(int, char **, char **), int n, char **word,
		void (*a)(void), void (*b)(void), void (*c)(void), void *d)
	{
		int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void),
			void (*)(void), void (*)(void), void *);
		next = dlsym(RTLD_NEXT, "__libc_start_main");
		its_main = m;
		return next(begin, n, word, a, b, c, d);
	}
	END
	gcc -shared -fPIC -o shim.so shim.c -ldl
}

# each COMMAND...: the first 200 allocations fail, one in each run
each() {
	"$@" >whole 2>whole.notes
	for n in {0..199}; do
		status=0
		LD_PRELOAD=$PWD/shim.so FAIL=$n "$@" >out 2>notes || status=$?
		if [ "$status" -eq 0 ]; then
			cmp whole out
		else
			[ "$status" -eq 1 ]
			tail -n 1 notes | grep -qi "out of memory\|cannot allocate memory"
		fi
	done
}

@test "JSON is whole, or none" {
	stream graph >graph
	stream contexts >contexts
	frame2json contexts >lines
	each graph2html --contexts contexts graph
	each frame2graph --link circuit-tracer graph
	each frame2npz contexts
	each json2frame lines
}

@test "labels are read, or not" {
	stream matching >m
	printf '3\t0\ta\n4\t1\tb\n' >labels
	each frame2tsv --labels labels m
	each show --labels labels m
}
