#include "graph/group_label.h"

#include "base/die.h"
#include "graph/graph_influence.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	MOST_WORDS = 6,		/* of a phrase */
	LABEL_WORDS = 200,	/* that are read of a label */
	LEAST_SHARE = 4		/* a phrase is in a fourth of the members or more */
};

static const char space[] = " \t\r\n", brackets[] = " \t\r\n()[]{}\"|", stops[] = ",;:.!?";

static const char *const empty[] = {
	"a", "after", "all", "an", "and", "any", "are", "as", "at", "be", "before", "but", "by",
	"for", "from", "has", "have", "in", "into", "is", "it", "its", "of", "on", "or", "say",
	"something", "that", "the", "their", "this", "to", "was", "when", "which", "with"
};

/* Words of a node's label that stand beside each other. */
struct phrase {
	const char *text;
	size_t bytes, words;
	bool says;		/* not all words are empty */
	uint32_t node;
	int32_t group;
};

struct phrases {
	struct phrase *item;
	size_t n;
};

static void add_phrase(struct phrases *all, struct phrase p)
{
	if ((all->n & (all->n + 1)) == 0)		/* 0, 1, 3, 7, ...: full */
		all->item = xrealloc(all->item, 2 * all->n + 1, sizeof p);
	all->item[all->n++] = p;
}

/* Does it hold a letter or a digit, of any alphabet? */
static bool is_word(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isalnum((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
			return true;
	return false;
}

static bool is_empty(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		if (strlen(empty[i]) == n && strncasecmp(text, empty[i], n) == 0)
			return true;
	return false;
}

/* A word of a label, from begin to end without the stops behind it. */
struct word {
	const char *begin, *end, *next;
	bool counts;		/* it is a word, and no stop alone */
};

static struct word next_word(const char *text)
{
	struct word w = {.begin = text + strspn(text, brackets)};

	w.next = w.end = w.begin + strcspn(w.begin, brackets);
	while (w.end > w.begin && strchr(stops, w.end[-1]))
		w.end--;
	w.counts = is_word(w.begin, (size_t)(w.end - w.begin));
	return w;
}

/* All phrases of a label: each of the last words begins one, which every further word ends. */
static void add_phrases(struct phrases *all, const char *label, uint32_t node, int32_t group)
{
	struct phrase begun[MOST_WORDS];
	size_t words = 0, read = 0;

	for (const char *p = label; *p && read < LABEL_WORDS; read++) {
		struct word w = next_word(p);
		bool says = w.counts && !is_empty(w.begin, (size_t)(w.end - w.begin));
		if (strspn(p, space) < (size_t)(w.begin - p) || !w.counts)
			words = 0;		/* a bracket or a sign is between them */
		if (words == MOST_WORDS)
			memmove(begun, begun + 1, --words * sizeof *begun);
		if (w.counts)
			begun[words++] = (struct phrase){w.begin, 0, 0, false, node, group};
		for (size_t k = 0; k < words; k++) {
			begun[k].bytes = (size_t)(w.end - begun[k].text);
			begun[k].words++;
			begun[k].says |= says;
			if (begun[k].says)
				add_phrase(all, begun[k]);
		}
		if (w.end < w.next)		/* a stop ends the phrase */
			words = 0;
		p = w.next;
	}
}

static int same_text(const struct phrase *x, const struct phrase *y)
{
	size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
	int order = strncasecmp(x->text, y->text, n);

	return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int compare_phrases(const void *a, const void *b)
{
	const struct phrase *x = a, *y = b;
	int order = same_text(x, y);

	if (order || x->group != y->group)
		return order ? order : x->group < y->group ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* The end of the phrases that say the same as the one at i, of its group only or of all groups.
 * *nodes: how many nodes have it. */
static size_t run_end(const struct phrases *all, size_t i, bool group, size_t *nodes)
{
	size_t k = i;

	for (*nodes = 0; k < all->n && same_text(&all->item[i], &all->item[k]) == 0; k++) {
		if (group && all->item[k].group != all->item[i].group)
			break;
		*nodes += k == i || all->item[k].node != all->item[k - 1].node;
	}
	return k;
}

struct choice {
	struct phrase phrase;
	double score;
};

static void choose_phrases(struct choice *choice, const struct phrases *all, const size_t *size,
	size_t features)
{
	size_t nodes, members;

	for (size_t i = 0, end; i < all->n; i = end) {
		end = run_end(all, i, false, &nodes);
		for (size_t k = i, next; k < end; k = next) {
			const struct phrase *phrase = &all->item[k];
			next = run_end(all, k, true, &members);
			int32_t g = phrase->group;
			if (g < 0 || members < 2 || LEAST_SHARE * members < size[g])
				continue;
			double own = (double)members / (double)size[g];
			double others = (double)(nodes - members)
				/ fmax((double)(features - size[g]), 1);
			double score = (own - 2 * others)
				* (1 + .1 * (double)(phrase->words - 1));
			if (score > choice[g].score)
				choice[g] = (struct choice){*phrase, score};
		}
	}
}

/* A label without the space, and the brackets, around it. */
static char *cleaned(const char *label)
{
	size_t n;

	label += strspn(label, space);
	for (n = strlen(label); n > 0 && strchr(space, label[n - 1]); n--)
		;
	if (n > 2 && label[0] == '[' && strcspn(label + 1, "[]") == n - 2)
		return xasprintf("%.*s", (int)n - 2, label + 1);
	return xasprintf("%.*s", (int)n, label);
}

static char *plain_name(const struct graph *g, const struct phrase *shared, uint32_t leader,
	size_t members)
{
	const char *more = members > 1 ? " ..." : "";

	if (shared->words > 0)
		return xasprintf("%.*s", (int)shared->bytes, shared->text);
	char *label = cleaned(g->clerp[leader]);
	char *name = *label ? xasprintf("%s%s", label, more)
		: xasprintf("%s/%ju%s", g->layer[leader], (uintmax_t)g->feature[leader], more);
	free(label);
	return name;
}

/* " @token" for a group at one position, and otherwise nothing. */
static char *place_of(const struct graph *g, const int32_t *group, int32_t k, uint32_t leader,
	const json_t *tokens)
{
	int32_t at = g->ctx_idx[leader];
	const char *token = at < 0 ? NULL
		: json_string_value(json_array_get(tokens, (size_t)at));

	for (size_t i = 0; i < g->nodes; i++)
		if (group[i] == k && g->ctx_idx[i] != at)
			return xasprintf("%s", "");
	char *word = cleaned(token ? token : "");
	char *place = *word ? xasprintf(" @%s", word) : xasprintf(" @%d", (int)at);
	free(word);
	return place;
}

static bool taken(const char *const *name, size_t groups, const char *text)
{
	for (size_t i = 0; i < groups; i++)
		if (name[i] && strcasecmp(name[i], text) == 0)
			return true;
	return false;
}

/* The name, the name with its place, or this with a number: the first that no group has. placed
 * (groups): to free(), names with places that others wanted. */
static char *unique_name(const char *const *name, char **placed, size_t groups, int32_t group,
	const char *plain, const char *place)
{
	size_t k = 1;

	if (!taken(name, groups, plain))
		return xasprintf("%s", plain);
	placed[group] = xasprintf("%s%s", plain, place);
	for (size_t i = 0; i < groups; i++)
		k += placed[i] && i != (size_t)group && strcasecmp(placed[i], placed[group]) == 0;
	for (;; k++) {
		char *text = k > 1 ? xasprintf("%s (%zu)", placed[group], k)
			: xasprintf("%s", placed[group]);
		if (!taken(name, groups, text))
			return text;
		free(text);
	}
}

/* (groups), to free(): the best phrase of each, of no words where there is none. */
static struct choice *best_phrases(const struct graph *g, const int32_t *group, size_t groups,
	const size_t *size)
{
	struct choice *choice = xcalloc(groups, sizeof *choice);
	struct phrases all = {0};
	size_t features = 0;

	for (uint32_t i = 0; i < g->nodes; i++) {
		if (g->type[i] != FEATURE_NODE)
			continue;
		features++;
		add_phrases(&all, g->clerp[i], i, group[i]);
	}
	if (all.n > 0)
		qsort(all.item, all.n, sizeof *all.item, compare_phrases);
	choose_phrases(choice, &all, size, features);
	free(all.item);		/* a phrase's text is the graph's */
	return choice;
}

void label_groups(const char **name, struct graph *g, const int32_t *group, size_t groups,
	const json_t *tokens)
{
	size_t *size = xcalloc(groups, sizeof *size);
	uint32_t *ranked = xalloc(g->nodes, sizeof *ranked);
	char **placed = xcalloc(groups, sizeof *placed);

	for (size_t i = 0; i < g->nodes; i++)
		if (group[i] >= 0)
			size[group[i]]++;
	struct choice *choice = best_phrases(g, group, groups, size);
	graph_rank(ranked, g);
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t node = ranked[i];
		int32_t k = group[node];
		if (k < 0 || name[k])
			continue;
		bool errors = choice[k].phrase.words == 0 && g->type[node] == ERROR_NODE;
		char *place = place_of(g, group, k, node, tokens);
		char *plain = errors ? xasprintf("errors%s", place)
			: plain_name(g, &choice[k].phrase, node, size[k]);
		name[k] = pool_keep(&g->pool, unique_name(name, placed, groups, k, plain,
			errors ? "" : place));
		free(plain);
		free(place);
	}
	for (size_t k = 0; k < groups; k++)
		free(placed[k]);
	free(placed);
	free(choice);
	free(ranked);
	free(size);
}
