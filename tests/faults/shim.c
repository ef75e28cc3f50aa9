/* LD_PRELOAD of a program whose calls are to fail, from the moment that main() begins:
 *
 *	FAULT="CLASS ERROR FIRST LAST"	calls FIRST to LAST (from 1) of the class get this errno
 *	FAULT="short 0 0 0"		a few bytes are read or written; every fifth is EINTR
 *	FAULT_COUNTS=FILE		one int64_t each: is this at work? calls that failed;
 *					calls of each class. It exists, of 4096 bytes.
 *
 * Allocations and threads are functions that are put in place of libc's. System calls, of libc's
 * own stdio, too, are trapped by seccomp (SIGSYS), which needs no right; the handler makes those
 * that are not to fail from an address that the filter lets pass. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum class { MEMORY, THREAD, READ, WRITE, OPEN, CLOSE, STAT, ACCESS, FOLDER, SEEK, MAP,
	BREAK, SHORT, CLASSES };

static const char *const class_name[] = {"memory", "thread", "read", "write", "open", "close",
	"stat", "access", "folder", "seek", "map", "break", "short"};

static const struct {
	int call;
	enum class class;
} call_class[] = {
	{SYS_read, READ}, {SYS_pread64, READ}, {SYS_readv, READ}, {SYS_write, WRITE},
	{SYS_writev, WRITE}, {SYS_open, OPEN}, {SYS_openat, OPEN}, {SYS_close, CLOSE},
	{SYS_fstat, STAT}, {SYS_stat, STAT}, {SYS_newfstatat, STAT}, {SYS_statx, STAT},
	{SYS_access, ACCESS}, {SYS_faccessat, ACCESS}, {SYS_faccessat2, ACCESS},
	{SYS_readlink, ACCESS}, {SYS_readlinkat, ACCESS}, {SYS_getdents64, FOLDER},
	{SYS_lseek, SEEK}, {SYS_mmap, MAP}, {SYS_brk, BREAK},
};
enum { CALLS = sizeof call_class / sizeof *call_class };

static _Atomic int64_t nowhere[CLASSES + 2], *counts = nowhere;
static int64_t first, last;
static enum class chosen = CLASSES;
static int error;
static bool on;

/* Counts a call; is it to fail? */
static bool fails(enum class c)
{
	if (!on || c == CLASSES)
		return 0;
	int64_t k = ++counts[2 + c];
	if (c != chosen || k < first || k > last)
		return 0;
	counts[1]++;
	return 1;
}

/* -- Functions --------------------------------------------------------------------------------- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static bool no_memory(void)
{
	if (!fails(MEMORY))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return no_memory() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return no_memory() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t at, size_t n)
{
	return no_memory() ? NULL : __libc_memalign(at, n);
}

int posix_memalign(void **p, size_t at, size_t n)
{
	*p = no_memory() ? NULL : __libc_memalign(at, n);
	return *p ? 0 : ENOMEM;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*begin)(void *),
	void *with)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	return fails(THREAD) ? error : next(thread, how, begin, with);
}

/* -- System calls ------------------------------------------------------------------------------ */

long kernel(long call, long a, long b, long c, long d, long e, long f);
extern const char kernel_returns[];
__asm__(".text\n"
	"kernel:\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\tmov %rdx, %rsi\n\tmov %rcx, %rdx\n"
	"\tmov %r8, %r10\n\tmov %r9, %r8\n\tmov 8(%rsp), %r9\n\tsyscall\n"
	"kernel_returns:\n\tret\n");

static enum class class_of(int call)
{
	for (size_t i = 0; i < CALLS; i++)
		if (call_class[i].call == call)
			return call_class[i].class;
	return CLASSES;
}

static void trapped(int number, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	int call = info->si_syscall;
	bool words = r[REG_RDI] == STDERR_FILENO && (call == SYS_write || call == SYS_writev);
	enum class c = words ? CLASSES : class_of(call);	/* what fails is to be said */
	long n = r[REG_RDX];
	struct iovec part;

	(void)number;
	if (chosen == SHORT && (c == READ || c == WRITE)) {
		int64_t k = ++counts[2 + SHORT];
		if (k % 5 == 0) {
			counts[1]++;
			r[REG_RAX] = -EINTR;
			return;
		}
		long most = 1 + k % (c == READ ? 7 : 13);
		if (call == SYS_writev) {
			const struct iovec *v = (const struct iovec *)r[REG_RSI];
			while (n > 1 && v->iov_len == 0)
				v++, n--;
			part = (struct iovec){v->iov_base,
				v->iov_len < (size_t)most ? v->iov_len : (size_t)most};
			r[REG_RAX] = kernel(call, r[REG_RDI], (long)&part, 1, 0, 0, 0);
			return;
		}
		n = n < most ? n : most;
	} else if (fails(c)) {		/* brk() tells by the end that it leaves */
		r[REG_RAX] = call == SYS_brk ? kernel(SYS_brk, 0, 0, 0, 0, 0, 0) : -error;
		return;
	}
	r[REG_RAX] = kernel(call, r[REG_RDI], r[REG_RSI], n, r[REG_R10], r[REG_R8], r[REG_R9]);
}

static bool trap(void)
{
	struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER};
	uint64_t pass = (uint64_t)kernel_returns;
	struct sock_filter filter[7 + CALLS];
	size_t n = 0;

	#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
	#define IS(x, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (x), (then), (otherwise))
	filter[n++] = (struct sock_filter)LOAD(offsetof(struct seccomp_data, instruction_pointer));
	filter[n++] = (struct sock_filter)IS((uint32_t)pass, 0, 2);
	filter[n++] = (struct sock_filter)LOAD(
		offsetof(struct seccomp_data, instruction_pointer) + 4);
	filter[n++] = (struct sock_filter)IS((uint32_t)(pass >> 32), 1 + CALLS, 0);
	filter[n++] = (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++)
		filter[n++] = (struct sock_filter)IS((uint32_t)call_class[i].call,
			(uint8_t)(CALLS - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	struct sock_fprog program = {(unsigned short)n, filter};
	return sigaction(SIGSYS, &action, NULL) == 0
		&& prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
		&& prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* -- The beginning ----------------------------------------------------------------------------- */

static int (*its_main)(int, char **, char **);

static int begin(int n, char **word, char **set)
{
	const char *counted = getenv("FAULT_COUNTS"), *fault = getenv("FAULT");
	char name[16];
	int fd = counted ? open(counted, O_RDWR) : -1;

	if (fd >= 0) {
		counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (fault && sscanf(fault, "%15s %d %" SCNd64 " %" SCNd64, name, &error,
			&first, &last) == 4)
		for (chosen = 0; chosen < CLASSES && strcmp(name, class_name[chosen]); chosen++)
			;
	counts[0] = trap();
	on = 1;
	return its_main(n, word, set);
}

int __libc_start_main(int (*m)(int, char **, char **), int n, char **word, void (*a)(void),
	void (*b)(void), void (*c)(void), void *d)
{
	int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
		void (*)(void), void *);

	*(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
	its_main = m;
	return next(begin, n, word, a, b, c, d);
}
