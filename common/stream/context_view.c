#include "stream/context_view.h"

#include "base/die.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/text_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PEAK = 8,			/* columns of a context's peak, with the space behind */
	WRAPPED = 3,			/* lines that other text has at most */
	COLUMN = 16			/* bytes of a column at most, marks above it included */
};
static const char cut[] = "\u2026";		/* where a text goes on: one column */

void view_lines_free(struct view_lines *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->text[i]);
	free(v->text);
	free(v->columns);
	*v = (struct view_lines){0};
}

static void add_line(struct view_lines *v, char *text, size_t columns)
{
	if (v->n == v->room) {
		v->room = v->room ? 2 * v->room : 16;
		v->text = xrealloc(v->text, v->room, sizeof *v->text);
		v->columns = xrealloc(v->columns, v->room, sizeof *v->columns);
	}
	v->text[v->n] = text;
	v->columns[v->n++] = columns;
}

/* -- Names and remarks ---------------------------------------------------------------------- */

/* The bytes of the line that begins here: to the last space that fits, or as much as fits. */
static size_t line_of(const char *text, size_t columns)
{
	size_t n = text_fit(text, columns), space = n;

	if (!text[n])
		return n;
	while (space > 0 && text[space] != ' ')
		space--;
	if (space > 0)
		return space;
	return n > 0 ? n : text_fit(text, columns + 1);
}

/* Of a long text no more than fits is looked at. */
static char *safe_begin(const struct view_style *style, const char *text)
{
	return text_safe_begin(text, COLUMN * WRAPPED * style->columns);
}

static void add_text(struct view_lines *v, const struct view_style *style, const char *safe)
{
	const char *at = safe;
	size_t width = style->columns, indent = 0;

	for (size_t i = 0; i < WRAPPED && *at; i++, indent = 2) {
		bool last = i == WRAPPED - 1 && text_columns(at) > width - indent;
		size_t n = last ? text_fit(at, width - indent - 1) : line_of(at, width - indent);
		char *line = xasprintf("%*s%.*s%s", (int)indent, "", (int)n, at, last ? cut : "");
		add_line(v, line, text_columns(line));
		at += n;
		at += strspn(at, " ");
	}
}

void view_remark(struct view_lines *v, const struct view_style *style, const char *text)
{
	char *safe = safe_begin(style, text);

	add_text(v, style, safe);
	free(safe);
}

void view_name(struct view_lines *v, const struct view_style *style, const char *layer,
	uint32_t feature, const char *label)
{
	char *of = safe_begin(style, layer), *called = safe_begin(style, label ? label : "");
	char *name = xasprintf("%s:%u%s%s", of, feature, label ? "  " : "", called);

	add_text(v, style, name);
	free(name);
	free(called);
	free(of);
}

/* -- Contexts ------------------------------------------------------------------------------- */

/* The tokens of a context, and which of them fit into a line. */
struct window {
	const struct contexts *x;
	size_t first, n, peak, from, to;
	char **text;			/* (n); NULL: not looked at */
	size_t *columns, used, bytes, most;
	bool brackets;
};

/* Looks at a token. */
static void spell(struct window *w, size_t t)
{
	uint32_t id = w->x->id[w->first + t];
	const char *text = contexts_text(w->x, id);

	w->text[t] = text ? text_safe_begin(text, w->most) : xasprintf("<%u>", id);
	w->columns[t] = text_columns(w->text[t]);
	w->bytes += strlen(w->text[t]);
}

static void open_window(struct window *w, const struct contexts *x, size_t c,
	const struct view_style *style)
{
	size_t first = x->begin[c];

	*w = (struct window){.x = x, .first = first, .n = x->begin[c + 1] - first,
		.peak = x->at[c], .most = COLUMN * style->columns, .brackets = !style->colours};
	w->text = xcalloc(w->n, sizeof *w->text);
	w->columns = xcalloc(w->n, sizeof *w->columns);
	spell(w, w->peak);
	w->columns[w->peak] += 2 * w->brackets;
}

static void close_window(struct window *w)
{
	for (size_t t = 0; t < w->n; t++)
		free(w->text[t]);
	free(w->text);
	free(w->columns);
}

/* Takes the token if it fits beside those that are taken. */
static bool take(struct window *w, size_t t, size_t columns)
{
	spell(w, t);
	if (w->used + w->columns[t] > columns || w->bytes > 2 * w->most)
		return false;
	w->used += w->columns[t];
	return true;
}

/* Grows the window from the peak: two tokens before it for each behind it. What is left out takes a
 * column on each side. */
static void grow_window(struct window *w, size_t columns)
{
	bool before = true, behind = true;
	size_t room = columns - 2;

	w->from = w->peak;
	w->to = w->peak + 1;
	w->used = w->columns[w->peak];
	while (before || behind) {
		for (int k = 0; k < 2 && before; k++) {
			before = w->from > 0 && take(w, w->from - 1, room);
			w->from -= before;
		}
		behind = behind && w->to < w->n && take(w, w->to, room);
		w->to += behind;
	}
}

/* From yellow to red, under black. */
static const char *colour(float value, float max)
{
	static const char *const shade[] = {"\33[38;5;16;48;5;230m", "\33[38;5;16;48;5;222m",
		"\33[38;5;16;48;5;214m", "\33[38;5;16;48;5;208m"};
	float share = max > 0 ? value / max : 0;

	return shade[share > 0.75f ? 3 : share > 0.5f ? 2 : share > 0.25f ? 1 : 0];
}

/* The peak alone, as much of it as fits into these columns, brackets included. */
static size_t write_peak(FILE *to, const struct window *w, size_t columns)
{
	const char *text = w->text[w->peak];
	size_t spaces = w->brackets ? strspn(text, " ") : 0, room = columns - 2 * w->brackets;

	spaces = text[spaces] ? spaces : 0;
	bool fits = w->columns[w->peak] <= columns;
	size_t n = fits ? strlen(text) : text_fit(text, room - 1);
	spaces = spaces < n ? spaces : n;
	char *shown = xasprintf("%.*s%s%.*s%s%s", (int)spaces, text, w->brackets ? "[" : "",
		(int)(n - spaces), text + spaces, fits ? "" : cut, w->brackets ? "]" : "");
	size_t its = text_columns(shown);
	fputs(shown, to);
	free(shown);
	return its;
}

static size_t write_cut(FILE *to, bool more)
{
	fputs(more ? cut : "", to);
	return more;
}

static void add_context(struct view_lines *v, const struct view_style *style,
	const struct contexts *x, size_t i, size_t c)
{
	size_t room = style->columns - PEAK, size, used;
	const float *value = x->value + x->begin[c];
	struct window w;
	char *line;
	FILE *to = text_stream(&line, &size);

	open_window(&w, x, c, style);
	grow_window(&w, room);
	used = (size_t)fprintf(to, "%*.3g ", PEAK - 1, (double)x->peak[c]);
	used += write_cut(to, w.from > 0);
	for (size_t t = w.from; t < w.to; t++) {
		bool shaded = style->colours && value[t] > 0;
		fputs(shaded ? colour(value[t], x->max[i]) : "", to);
		bool space = t == 0 && !shaded && t != w.peak && *w.text[t] == ' ';
		if (t == w.peak)
			used += write_peak(to, &w, room - 2);
		else
			fputs(w.text[t] + space, to);
		used += t == w.peak ? 0 : w.columns[t] - space;
		fputs(shaded ? "\33[0m" : "", to);
	}
	used += write_cut(to, w.to < w.n);
	close_window(&w);
	text_stream_close(to);
	add_line(v, line, used);
}

void view_contexts(struct view_lines *v, const struct view_style *style, const struct contexts *x,
	size_t i)
{
	char *said = xasprintf("%.3g%% of tokens (%u), mean %.3g, max %.3g",
		100 * (double)x->density[i], x->count[i], (double)x->mean[i], (double)x->max[i]);

	view_remark(v, style, said);
	free(said);
	for (size_t c = x->indptr[i]; c < x->indptr[i + 1]; c++)
		add_context(v, style, x, i, c);
}

/* -- Printing ------------------------------------------------------------------------------- */

void view_print(const struct view_lines *left, const struct view_lines *right, size_t at)
{
	size_t n = left->n > right->n ? left->n : right->n;

	for (size_t i = 0; i < n; i++) {
		size_t used = i < left->n ? left->columns[i] : 0;
		fputs(i < left->n ? left->text[i] : "", stdout);
		if (i < right->n)
			printf("%*s| %s", used < at ? (int)(at - used) : 0, "", right->text[i]);
		putchar('\n');
	}
}
