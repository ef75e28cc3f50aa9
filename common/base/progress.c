#include "base/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 64 };
enum { AFTER = 2, EVERY = 1 };		/* seconds, on a terminal */

static double every = NAN;		/* --progress; NaN: not given */

static struct {
	size_t done, total;
	const char *what;
	double start, next;		/* when it began, and when it is shown next */
	bool watched, shown;		/* will it be, was it? */
	char detail[TEXT];
} work;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);

	return group < 0 || group == getpgrp();
}

/* -- Words ------------------------------------------------------------------------------------- */

/* 1234567 as 1,234,567. */
static const char *put_count(char text[TEXT], size_t n)
{
	char *at = text + TEXT - 1;

	*at = '\0';
	for (int digits = 0; n > 0 || digits == 0; digits++, n /= 10) {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + n % 10);
	}
	return at;
}

/* ", 41/s" of n in t seconds; nothing when there is no telling. */
static const char *put_rate(char text[TEXT], size_t n, double t)
{
	char count[TEXT];
	double rate = (double)n / t;

	if (n == 0 || t <= 0)
		return "";
	if (rate < 10)
		snprintf(text, TEXT, ", %.2g/s", rate);
	else
		snprintf(text, TEXT, ", %s/s", put_count(count, (size_t)(rate + 0.5)));
	return text;
}

/* 45 s, 5 min, 2 h 10 min; with `fine` 5 min 12 s, too. */
static const char *put_time(char text[TEXT], double t, bool fine)
{
	uintmax_t s = (uintmax_t)(fmin(t, 1e15) + 0.5), min = fine ? s / 60 : (s + 30) / 60;

	if (s < 60)
		snprintf(text, TEXT, "%ju s", s);
	else if (s < 3600)
		snprintf(text, TEXT, fine ? "%ju min %ju s" : "%ju min", min, s % 60);
	else
		snprintf(text, TEXT, "%ju h %ju min", min / 60, min % 60);
	return text;
}

/* -- Lines ------------------------------------------------------------------------------------- */

static void show(double now)
{
	char line[6 * TEXT], count[TEXT], total[TEXT], rate[TEXT], left[TEXT];
	double t = now - work.start;
	int n = snprintf(line, sizeof line, "%s", put_count(count, work.done));

	if (work.total > 0)
		n += snprintf(line + n, TEXT, " of %s", put_count(total, work.total));
	n += snprintf(line + n, 3 * TEXT, " %.32s%s", work.what, put_rate(rate, work.done, t));
	if (work.done > 0 && work.total > work.done)
		n += snprintf(line + n, TEXT, ", %s left", put_time(left,
			t / (double)work.done * (double)(work.total - work.done), false));
	snprintf(line + n, sizeof line - (size_t)n, "%s%s", *work.detail ? "; " : "", work.detail);
	say(line, false);
	work.shown = true;
}

void progress_every(double seconds_of_option)
{
	every = seconds_of_option;
}

void progress_begin(size_t total, const char *what)
{
	progress_end();
	work.done = 0;
	work.total = total;
	work.what = what;
	*work.detail = '\0';
	work.watched = !quiet && (isnan(every) ? stderr_rewrites() : every > 0);
	if (work.watched) {
		work.start = seconds();
		work.next = work.start + (isnan(every) ? AFTER : every);
	}
}

/* The rest of progress_add() and progress_to(). */
static void look(void)
{
	double now = seconds();

	if (now < work.next)
		return;
	if (!isnan(every) || in_foreground())
		show(now);
	work.next = now + (isnan(every) ? EVERY : every);
}

void progress_add(size_t n)
{
	if (!work.watched)
		return;
	#pragma omp critical(progress)
	{
		work.done += n;
		look();
	}
}

void progress_to(size_t done)
{
	if (!work.watched)
		return;
	#pragma omp critical(progress)
	{
		work.done = done;
		look();
	}
}

void progress_detail(const char *format, ...)
{
	va_list args;

	if (!work.watched)
		return;
	va_start(args, format);
	#pragma omp critical(progress)
	vsnprintf(work.detail, sizeof work.detail, format, args);
	va_end(args);
}

void progress_end(void)
{
	char line[6 * TEXT], count[TEXT], took[TEXT], rate[TEXT];

	if (work.shown) {
		double t = seconds() - work.start;
		snprintf(line, sizeof line, "%s %.32s in %s%s%s%s", put_count(count, work.done),
			work.what, put_time(took, t, true), put_rate(rate, work.done, t),
			*work.detail ? "; " : "", work.detail);
		say(line, true);
	}
	work.shown = work.watched = false;
}
