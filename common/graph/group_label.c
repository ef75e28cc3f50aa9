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
	LEAST_SHARE = 4,	/* a phrase is in a fourth of the labelled members or more */
	MOST_LABELS = 3,	/* of a name that joins labels, */
	NAME_BYTES = 40		/* and what they have together */
};

static const char space[] = " \t\r\n", stops[] = ",;:.!?";

static const char *const empty[] = {
	"a", "about", "after", "against", "all", "along", "an", "and", "any", "are", "as", "at",
	"be", "before", "between", "but", "by", "esp", "etc", "for", "from", "has", "have", "in",
	"into", "is", "it", "its", "of", "on", "or", "say", "something", "than", "that", "the",
	"their", "this", "to", "was", "when", "which", "with"
};

/* -- Labels ------------------------------------------------------------------------------------ */

/* Behind the bracket that closes the one at text; NULL when none does. */
static const char *behind_bracket(const char *text)
{
	char open = *text, close = open == '(' ? ')' : ']';
	size_t depth = 0;

	for (; *text; text++) {
		depth += *text == open;
		if (*text == close && --depth == 0)
			return text + 1;
	}
	return NULL;
}

/* to free(): a label with single spaces, and none around it. [title] at its beginning becomes
 * "title;". remarks: those in brackets, as in "capital (of)", stay, and one at the beginning is a
 * title. */
static char *cleaned(const char *label, bool remarks)
{
	char *text = xalloc(strlen(label) + 2, 1), *to = text;
	const char *title = NULL, *end;

	label += strspn(label, space);
	if ((*label == '[' || (*label == '(' && remarks)) && (end = behind_bracket(label))
			&& (!*end || strchr(space, *end)))
		title = end - 1, label++;
	while (*label) {
		bool begins = to == text || to[-1] == ' ';
		if (label == title)
			*to++ = ';', label++;
		else if (begins && *label == '(' && !remarks && (end = behind_bracket(label)))
			label = end;
		else if (!strchr(space, *label))
			*to++ = *label++;
		else if (label++, !begins)
			*to++ = ' ';
	}
	while (to > text && strchr(" ;", to[-1]))
		to--;
	*to = '\0';
	return text;
}

/* (nodes), each to free(): the features' labels, cleaned; NULL of other nodes, and where there is
 * none. */
static char **read_labels(const struct graph *g)
{
	char **label = xcalloc(g->nodes, sizeof *label);

	for (size_t i = 0; i < g->nodes; i++) {
		if (g->type[i] != FEATURE_NODE)
			continue;
		label[i] = cleaned(g->clerp[i], false);
		if (!*label[i]) {
			free(label[i]);
			label[i] = cleaned(g->clerp[i], true);
		}
		if (!*label[i]) {
			free(label[i]);
			label[i] = NULL;
		}
	}
	return label;
}

/* Does it hold a letter or a digit, of any alphabet? Of Unicode's signs, U+2000 to U+22FF are none:
 * punctuation, arrows, operators. */
static bool is_word(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == 0xe2 && i + 2 < n && (unsigned char)text[i + 1] < 0x8c)
			i += 2;
		else if (isalnum(c) || c >= 0x80)
			return true;
	}
	return false;
}

static bool is_empty(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		if (strlen(empty[i]) == n && strncasecmp(text, empty[i], n) == 0)
			return true;
	return false;
}

/* A word of a cleaned label, from begin to end, without quotes and stops around it. */
struct word {
	const char *begin, *end, *next;
	bool begins, ends;	/* may it be the first word of a name, and the last? */
	bool stop;		/* no phrase goes on behind it */
};

static struct word next_word(const char *text)
{
	struct word w = {.begin = text + strspn(text, " /\"")};

	w.next = w.end = w.begin + strcspn(w.begin, " /");
	while (w.end > w.begin && strchr(stops, w.end[-1]))
		w.end--;
	w.stop = w.end < w.next;
	bool quoted = w.end > w.begin && w.end[-1] == '"';
	w.end -= quoted;
	size_t n = (size_t)(w.end - w.begin);
	w.ends = is_word(w.begin, n) && (quoted || !is_empty(w.begin, n));
	w.begins = w.ends || (n == 3 && strncasecmp(w.begin, "say", 3) == 0);
	return w;
}

/* -- Phrases ----------------------------------------------------------------------------------- */

/* Words of a node's label that stand beside each other. */
struct phrase {
	const char *text;
	size_t bytes, words;
	size_t same;		/* bytes that others need to have: the plural's s does not count */
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

/* Takes a quote beside the phrase into it when it has only the other of the pair; false when there
 * is none. */
static bool close_quotes(struct phrase *p, const char *label)
{
	size_t quotes = 0;

	for (size_t i = 0; i < p->bytes; i++)
		quotes += p->text[i] == '"';
	if (quotes % 2 == 0)
		return true;
	if (p->text[p->bytes] != '"' && (p->text == label || p->text[-1] != '"'))
		return false;
	p->text -= p->text[p->bytes] != '"';
	p->bytes++;
	return true;
}

/* The phrase up to a word that may end one, with what makes it complete. */
static bool end_phrase(struct phrase *p, const char *end, const char *label)
{
	p->bytes = (size_t)(end - p->text);
	if (!close_quotes(p, label))
		return false;
	p->same = p->bytes;
	if (p->bytes > 3 && end[-1] == 's' && end[-2] != 's' && p->text + p->bytes == end)
		p->same--;
	return true;
}

/* All phrases of a label: each of the last words begins one, which every further word ends. */
static void add_phrases(struct phrases *all, const char *label, uint32_t node, int32_t group)
{
	struct phrase begun[MOST_WORDS];
	size_t n = 0, read = 0;

	for (const char *p = label; *p && read < LABEL_WORDS; read++) {
		struct word w = next_word(p);
		if (n > 0 && begun[0].words == MOST_WORDS)
			memmove(begun, begun + 1, --n * sizeof *begun);
		if (w.begins)
			begun[n++] = (struct phrase){.text = w.begin, .node = node,
				.group = group};
		for (size_t k = 0; k < n; k++) {
			begun[k].words++;
			struct phrase ended = begun[k];
			if (w.ends && end_phrase(&ended, w.end, label))
				add_phrase(all, ended);
		}
		if (w.stop)
			n = 0;
		p = w.next;
	}
}

static int same_text(const struct phrase *x, const struct phrase *y)
{
	size_t n = x->same < y->same ? x->same : y->same;
	int order = strncasecmp(x->text, y->text, n);

	return order ? order : (x->same > y->same) - (x->same < y->same);
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
				* (1 + .3 * (double)(phrase->words - 1));
			if (score > choice[g].score)
				choice[g] = (struct choice){*phrase, score};
		}
	}
}

/* -- Names ------------------------------------------------------------------------------------- */

/* The first words of a label, up to a stop; of one without words its whole text. */
static struct phrase first_words(const char *label)
{
	struct phrase first = {.text = label, .bytes = strlen(label)}, begun = {0};

	for (const char *p = label; *p && begun.words < MOST_WORDS;) {
		struct word w = next_word(p);
		if (!begun.text && w.begins)
			begun.text = w.begin;
		begun.words += begun.text != NULL;
		struct phrase ended = begun;
		if (begun.text && w.ends && end_phrase(&ended, w.end, label))
			first = ended;
		if (w.stop && first.words > 0)
			break;
		p = w.next;
	}
	if (first.words == 0)
		first.same = first.bytes;
	return first;
}

/* Is one of the two in the other? */
static bool says_the_same(const struct phrase *x, const struct phrase *y)
{
	const struct phrase *a = x->same < y->same ? x : y, *b = a == x ? y : x;

	for (size_t i = 0; i + a->same <= b->same; i++)
		if (strncasecmp(a->text, b->text + i, a->same) == 0)
			return true;
	return false;
}

/* to free(): what the labels of a group's most influential members begin with, "git / code"; NULL
 * when no member has one. */
static char *joined_labels(const struct graph *g, char *const *label, const int32_t *group,
	int32_t k, const uint32_t *ranked)
{
	struct phrase taken[MOST_LABELS];
	size_t n = 0, bytes = 0;
	char *name = NULL;

	for (size_t i = 0; i < g->nodes && n < MOST_LABELS; i++) {
		if (group[ranked[i]] != k || !label[ranked[i]])
			continue;
		struct phrase p = first_words(label[ranked[i]]);
		bool same = false;
		for (size_t j = 0; j < n; j++)
			same |= says_the_same(&taken[j], &p);
		if (same || (n > 0 && (p.words == 0 || bytes + p.bytes > NAME_BYTES)))
			continue;
		char *more = xasprintf("%s%s%.*s", n > 0 ? name : "", n > 0 ? " / " : "",
			(int)p.bytes, p.text);
		free(name);
		name = more;
		bytes += p.bytes;
		taken[n++] = p;
	}
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
	char *word = cleaned(token ? token : "", true);
	char *place = *word ? xasprintf(" @%s", word) : xasprintf(" @%d", (int)at);
	free(word);
	return place;
}

/* "10" is behind "9". */
static int compare_layers(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);

	return m != n ? m < n ? -1 : 1 : strcmp(a, b);
}

/* to free(): "layers 3-8", or "layer 3" */
static char *layers_of(const struct graph *g, const int32_t *group, int32_t k)
{
	const char *low = NULL, *high = NULL;

	for (size_t i = 0; i < g->nodes; i++) {
		if (group[i] != k)
			continue;
		if (!low || compare_layers(g->layer[i], low) < 0)
			low = g->layer[i];
		if (!high || compare_layers(g->layer[i], high) > 0)
			high = g->layer[i];
	}
	return strcmp(low, high) == 0 ? xasprintf("layer %s", low)
		: xasprintf("layers %s-%s", low, high);
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
static struct choice *best_phrases(const struct graph *g, char *const *label, const int32_t *group,
	size_t groups)
{
	struct choice *choice = xcalloc(groups, sizeof *choice);
	size_t *labelled = xcalloc(groups, sizeof *labelled), all_labelled = 0;
	struct phrases all = {0};

	for (uint32_t i = 0; i < g->nodes; i++) {
		if (!label[i])
			continue;
		all_labelled++;
		if (group[i] >= 0)
			labelled[group[i]]++;
		add_phrases(&all, label[i], i, group[i]);
	}
	if (all.n > 0)
		qsort(all.item, all.n, sizeof *all.item, compare_phrases);
	choose_phrases(choice, &all, labelled, all_labelled);
	free(labelled);
	free(all.item);		/* a phrase's text is its label's */
	return choice;
}

void label_groups(const char **name, struct graph *g, const int32_t *group, size_t groups,
	const json_t *tokens)
{
	uint32_t *ranked = xalloc(g->nodes, sizeof *ranked);
	char **placed = xcalloc(groups, sizeof *placed), **label = read_labels(g);
	struct choice *choice = best_phrases(g, label, group, groups);

	graph_rank(ranked, g);
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t node = ranked[i];
		int32_t k = group[node];
		if (k < 0 || name[k])
			continue;
		const struct phrase *shared = &choice[k].phrase;
		char *place = place_of(g, group, k, node, tokens);
		char *plain = shared->words > 0
			? xasprintf("%.*s", (int)shared->bytes, shared->text)
			: joined_labels(g, label, group, k, ranked);
		bool labelled = plain != NULL;
		if (!labelled && g->type[node] == ERROR_NODE)
			plain = xasprintf("errors%s", place);
		if (!plain) {
			char *layers = layers_of(g, group, k);
			plain = xasprintf("%s%s", layers, place);
			free(layers);
		}
		name[k] = pool_keep(&g->pool, unique_name(name, placed, groups, k, plain,
			labelled ? place : ""));
		free(plain);
		free(place);
	}
	for (size_t k = 0; k < groups; k++)
		free(placed[k]);
	for (size_t i = 0; i < g->nodes; i++)
		free(label[i]);
	free(label);
	free(placed);
	free(choice);
	free(ranked);
}
