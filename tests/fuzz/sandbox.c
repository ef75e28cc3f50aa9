/* What die() and exit() end is a run of a target, not the process. With libFuzzer, whose objects of
 * common/ and filters/ have their variables in sections of their own, whatever a run leaves is
 * given back, and a filter's main() runs in this process; else it runs in a child. */
#define _GNU_SOURCE		/* fopencookie, memfd_create, __fpurge */
#include "fuzz.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/mapping.h"

#include <cblas.h>
#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char refusal[1024];
size_t refusals;

static jmp_buf *back;
static int ended;			/* the status of exit() or die() */

/* Lines that differ in more than numbers are of different kinds. */
static void note_refusal(const char *line)
{
	static uint8_t seen[1 << 16];
	uint32_t h = 2166136261;

	snprintf(refusal, sizeof refusal, "%s", line);
	for (const char *c = line; *c; c++)
		if (*c < '0' || *c > '9')
			h = (h ^ (unsigned char)*c) * 16777619;
	refusals += !seen[h % sizeof seen];
	seen[h % sizeof seen] = 1;
}

static void refuse(int status, const char *line)
{
	if (!back)
		return;
	note_refusal(line);
	ended = status;
	longjmp(*back, 1);
}

bool attempt(void (*step)(const char *), const char *argument)
{
	jmp_buf here;
	jmp_buf *const volatile before = back;
	volatile bool fine = false;

	back = &here;
	if (setjmp(here) == 0) {
		step(argument);
		fine = true;
	}
	back = before;
	return fine;
}

/* -- Memory: the blocks that are allocated within a run, with the sanitizers only -------------- */

enum { SLOTS = 1 << 18 };
static const volatile void *slot_of[SLOTS];
static uint32_t taken[SLOTS];
static size_t takens;
static bool within;

static const char gone;			/* the slot of a block that was freed */

/* Neighbours in memory are neighbours here. */
static size_t place_of(const volatile void *p)
{
	return (size_t)((uintptr_t)p >> 4 ^ (uintptr_t)p >> 24) % SLOTS;
}

static void on_malloc(const volatile void *p, size_t n)
{
	size_t at = place_of(p);

	(void)n;
	if (!within || !p || takens == SLOTS / 2)
		return;
	while (slot_of[at] && slot_of[at] != &gone)
		at = (at + 1) % SLOTS;
	if (!slot_of[at])
		taken[takens++] = (uint32_t)at;
	slot_of[at] = p;
}

static void on_free(const volatile void *p)
{
	for (size_t at = place_of(p); within && p && slot_of[at]; at = (at + 1) % SLOTS)
		if (slot_of[at] == p) {
			slot_of[at] = &gone;
			return;
		}
}

int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
	void (*)(const volatile void *)) __attribute__((weak));
int __sanitizer_get_ownership(const volatile void *) __attribute__((weak));
const char *__asan_default_options(void);

/* Blocks of more than 1 GB are refused as where memory ends; libFuzzer reports those below. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024:"
		"quarantine_size_mb=16:malloc_context_size=2";
}

static void free_all(void)
{
	within = false;
	for (size_t i = 0; i < takens; i++) {
		const volatile void *p = slot_of[taken[i]];
		if (__sanitizer_get_ownership(p))
			free((void *)(uintptr_t)p);
		slot_of[taken[i]] = NULL;
	}
	takens = 0;
}

/* -- Files and variables ----------------------------------------------------------------------- */

enum { FILES = 64 };
static int first_free;			/* descriptor, when the run began */

static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void close_all(void)
{
	if (lowest_free() != first_free)
		for (int fd = first_free; fd < FILES; fd++)
			close(fd);
}

#ifdef LIBFUZZER
extern char __start_fuzzdata[], __stop_fuzzdata[], __start_fuzzbss[], __stop_fuzzbss[];
static char *kept_data, *kept_bss;

/* Not memcpy(): there are redzones between the variables. */
__attribute__((no_sanitize("address"))) static void copy(char *to, const char *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void keep_variables(void)
{
	kept_data = malloc((size_t)(__stop_fuzzdata - __start_fuzzdata));
	kept_bss = malloc((size_t)(__stop_fuzzbss - __start_fuzzbss));
	copy(kept_data, __start_fuzzdata, (size_t)(__stop_fuzzdata - __start_fuzzdata));
	copy(kept_bss, __start_fuzzbss, (size_t)(__stop_fuzzbss - __start_fuzzbss));
}

static void restore_variables(void)
{
	copy(__start_fuzzdata, kept_data, (size_t)(__stop_fuzzdata - __start_fuzzdata));
	copy(__start_fuzzbss, kept_bss, (size_t)(__stop_fuzzbss - __start_fuzzbss));
}

/* Streams that a run leaves open are closed, or libc's list of them would lead nowhere. What a
 * cookie's functions wrote to may be gone then: they are not called. */
struct cookie {
	void *own;
	cookie_io_functions_t io;
	bool left;
};

static FILE *open_files[FILES];

static FILE *track(FILE *f)
{
	for (size_t i = 0; f && within && i < FILES; i++)
		if (!open_files[i]) {
			open_files[i] = f;
			break;
		}
	return f;
}

static ssize_t cookie_read(void *cookie, char *to, size_t n)
{
	struct cookie *c = cookie;

	return c->io.read(c->own, to, n);
}

static ssize_t cookie_write(void *cookie, const char *bytes, size_t n)
{
	struct cookie *c = cookie;

	return c->io.write(c->own, bytes, n);
}

static struct cookie *cookies[FILES];

static int cookie_close(void *cookie)
{
	struct cookie *c = cookie;

	for (size_t i = 0; i < FILES; i++)
		if (cookies[i] == c)
			cookies[i] = NULL;
	return c->left ? 0 : c->io.close(c->own);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopencookie(void *cookie, const char *mode, cookie_io_functions_t);
FILE *__wrap_fopencookie(void *cookie, const char *mode, cookie_io_functions_t);
int __real_fclose(FILE *);
int __wrap_fclose(FILE *);
_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return track(__real_fopen(path, mode));
}

FILE *__wrap_fopencookie(void *own, const char *mode, cookie_io_functions_t io)
{
	struct cookie *c = malloc(sizeof *c);

	*c = (struct cookie){own, io, false};
	for (size_t i = 0; i < FILES; i++)
		if (!cookies[i]) {
			cookies[i] = c;
			break;
		}
	return track(__real_fopencookie(c, mode,
		(cookie_io_functions_t){io.read ? cookie_read : NULL,
		io.write ? cookie_write : NULL, NULL, cookie_close}));
}

/* stdin and stdout stay stdio's own. */
void __wrap_standard_open(void);
void __wrap_standard_open(void)
{
}

int __wrap_fclose(FILE *f)
{
	if (within && (f == stdin || f == stdout))
		return fflush(f);
	for (size_t i = 0; i < FILES; i++)
		if (open_files[i] == f)
			open_files[i] = NULL;
	return __real_fclose(f);
}

void __wrap_exit(int status)
{
	if (!back)
		__real_exit(status);
	ended = status;
	longjmp(*back, 1);
}

static void close_files(void)
{
	for (size_t i = 0; i < FILES; i++)
		if (cookies[i])
			cookies[i]->left = true;
	for (size_t i = 0; i < FILES; i++)
		if (open_files[i]) {
			__fpurge(open_files[i]);
			__real_fclose(open_files[i]);
			open_files[i] = NULL;
		}
	memset(cookies, 0, sizeof cookies);
}

/* Without OpenMP, which an early end of a region would upset. */
int omp_get_max_threads(void);
int omp_get_thread_num(void);
int omp_get_num_procs(void);
void omp_set_num_threads(int n);
void omp_init_lock(void *lock);
void omp_destroy_lock(void *lock);
void omp_set_lock(void *lock);
void omp_unset_lock(void *lock);

int omp_get_max_threads(void) { return 1; }
int omp_get_thread_num(void) { return 0; }
int omp_get_num_procs(void) { return 1; }
void omp_set_num_threads(int n) { (void)n; }
void omp_init_lock(void *lock) { (void)lock; }
void omp_destroy_lock(void *lock) { (void)lock; }
void omp_set_lock(void *lock) { (void)lock; }
void omp_unset_lock(void *lock) { (void)lock; }
#else
static void keep_variables(void) {}
static void restore_variables(void) {}
static void close_files(void) {}
#endif

/* -- Runs -------------------------------------------------------------------------------------- */

enum { SLOT = 3 };
static int given, written[SLOT], said, nowhere;

/* What libraries allocate once, and keep, they allocate here. */
static void warm_up(void)
{
	float one = 1, two[4] = {0};

	setenv("TZ", "UTC0", 1);
	tzset();
	setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_CTYPE, "C");
	json_object_seed(1);
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &one, 1, &one, 1, 0,
		two, 1);
}

void sandbox_open(void)
{
	static char in[1 << 16], out[1 << 16];

	warm_up();
	given = memfd_create("stdin", MFD_CLOEXEC);
	said = memfd_create("stderr", MFD_CLOEXEC);
	for (size_t i = 0; i < SLOT; i++)
		written[i] = memfd_create("stdout", MFD_CLOEXEC);
	nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nowhere < 0 || given < 0 || said < 0)
		abort();
	quiet = true;
	die_handler = refuse;
	if (__sanitizer_install_malloc_and_free_hooks)
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	else
		setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)1 << 31, (rlim_t)1 << 31});
	setvbuf(stdin, in, _IOFBF, sizeof in);
#ifdef LIBFUZZER
	setvbuf(stdout, out, _IOFBF, sizeof out);
	dup2(nowhere, STDOUT_FILENO);
#endif
	(void)out;
	memory_left();			/* asks the system once */
	keep_variables();
}

void sandbox_begin(void)
{
	*refusal = '\0';
	first_free = lowest_free();
	within = true;
}

void sandbox_end(void)
{
	close_files();
	setlocale(LC_CTYPE, "C");	/* frees the name of another */
	mapping_close_all();
	free_all();
	close_all();
	restore_variables();
}

static void rewind_to(int fd, struct bytes b)
{
	if (ftruncate(fd, 0) != 0 || (b.n > 0 && pwrite(fd, b.bytes, b.n, 0) != (ssize_t)b.n)
			|| lseek(fd, 0, SEEK_SET) != 0)
		abort();
}

/* What was written to fd, as long as the slot is not used again. */
static struct bytes bytes_of(int fd, int slot)
{
	static struct bytes kept[SLOT + 1];
	static size_t room[SLOT + 1];
	struct bytes *b = &kept[slot];

	b->n = (size_t)lseek(fd, 0, SEEK_END);
	if (b->n >= room[slot]) {
		bool was = within;
		within = false;		/* longer than a run */
		room[slot] = 2 * b->n + 4096;
		b->bytes = realloc(b->bytes, room[slot]);
		within = was;
	}
	if (!b->bytes || pread(fd, b->bytes, b->n, 0) != (ssize_t)b->n)
		abort();
	b->bytes[b->n] = '\0';
	return *b;
}

static const struct target *run_target;
static char **run_argument;

static int run_main(void)
{
	int n = 0;

	while (run_argument[n])
		n++;
	return run_target->main(n, run_argument);
}

#ifdef LIBFUZZER
static void run_here(const char *unused)
{
	(void)unused;
	ended = run_main();
}

static int run(int slot)
{
	sandbox_begin();
	dup2(given, STDIN_FILENO);
	dup2(written[slot], STDOUT_FILENO);
	clearerr(stdin);
	__fpurge(stdin);
	attempt(run_here, NULL);
	int status = ended;
	if (status == 0)
		fflush(stdout);
	__fpurge(stdout);
	clearerr(stdout);
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	sandbox_end();
	return status;
}
#else
enum { MEMORY = 512 };			/* MB */

/* The address sanitizer says what it refuses to allocate. */
static struct bytes without_warnings(struct bytes b)
{
	uint8_t *end;

	while (b.n > 2 && memcmp(b.bytes, "==", 2) == 0 && (end = memchr(b.bytes, '\n', b.n))) {
		b.n -= (size_t)(end + 1 - b.bytes);
		b.bytes = end + 1;
	}
	return b;
}

static int run(int slot)
{
	struct rusage used;
	int status;

	*refusal = '\0';
	rewind_to(said, (struct bytes){0});
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		die_handler = NULL;
		dup2(given, STDIN_FILENO);
		dup2(written[slot], STDOUT_FILENO);
		dup2(said, STDERR_FILENO);
		exit(run_main());
	}
	if (child < 0 || wait4(child, &status, 0, &used) != child)
		abort();
	struct bytes line = without_warnings(bytes_of(said, SLOT));
	bool one = line.n > 0 && memchr(line.bytes, '\n', line.n) == line.bytes + line.n - 1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2 || (WEXITSTATUS(status) > 0 && !one)
			|| (!__sanitizer_get_ownership && used.ru_maxrss > MEMORY << 10)) {
		fprintf(stderr, "%s: status %d, %ld kB, %s\n", run_target->name, status,
			used.ru_maxrss, (char *)line.bytes);
		abort();
	}
	if (WEXITSTATUS(status) > 0) {
		line.bytes[line.n - 1] = '\0';
		note_refusal((char *)line.bytes);
	}
	return WEXITSTATUS(status);
}
#endif

int filter_run(const struct target *t, char **argument, struct bytes in, int slot,
	struct bytes *out)
{
	run_target = t;
	run_argument = argument;
	rewind_to(given, in);
	rewind_to(written[slot], (struct bytes){0});
	int status = run(slot);
	*out = bytes_of(written[slot], slot);
	return status;
}
