/* match2html: matchings, or a flow, as one page to look at. */
#include "base/die.h"
#include "base/opt.h"
#include "base/spelled.h"
#include "base/standard.h"
#include "file/labels.h"
#include "match/page_contexts.h"
#include "match/page_map.h"
#include "match/page_nearest.h"
#include "match/page_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char match_page_template[];	/* match_page.html, made by the Makefile */

static struct list contexts[2], distances, points;
static const char *label_file[2], *source[2], *title;
static size_t near = 5;

static const struct opt options[] = {
	{"contexts", OPT_LIST, &contexts[0], "FILE", "contexts of the features", 0, 0},
	{"contexts-b", OPT_LIST, &contexts[1], "FILE",
		"those of the columns, where they are others", 0, 0},
	OPT_LABELS(label_file),
	{"distances", OPT_LIST, &distances, "FILE", "distances, for the nearest of each feature",
		0, 0},
	{"near", OPT_SIZE, &near, "K", "how many nearest of each feature", 0, 1000},
	{"points", OPT_LIST, &points, "FILE", "distributions of the features, for a map", 0, 0},
	{"source", OPT_TEXT, &source[0], "MODEL/SET",
		"the features on Neuronpedia; % is the layer's name", 0, 0},
	{"source-b", OPT_TEXT, &source[1], "MODEL/SET", "those of the columns", 0, 0},
	{"title", OPT_TEXT, &title, "TEXT", "the page's heading", 0, 0},
	OPT_END
};

static void write_dictionaries(struct html *h, const struct page_features *p)
{
	html_open(h, "dictionaries", '[');
	for (size_t k = 0; k < p->dictionaries; k++) {
		const struct page_dictionary *d = &p->dictionary[k];
		html_open(h, NULL, '{');
		html_text(h, "layer", d->layer);
		html_text(h, "model", d->origin[OF_MODEL]);
		html_text(h, "sae", d->origin[OF_SAE]);
		html_integer(h, "side", d->side);
		html_integer(h, "first", (int64_t)d->first);
		html_text(h, "source", source[d->side && source[1]]);
		html_naturals(h, "feature", d->feature, d->n);
		html_close(h, '}');
	}
	html_close(h, ']');
}

/* The label of every feature, or NULL. Models whose layers have the same names share labels. */
static const char **find_labels(struct labels *const l[2], const struct page_features *p)
{
	const char **label = xalloc(p->n, sizeof *label);
	struct spelled all = {.entries = p->n};

	for (size_t k = 0; k < p->dictionaries; k++) {
		const struct page_dictionary *d = &p->dictionary[k];
		for (size_t i = 0; i < d->n; i++) {
			const char *its = labels_find(l[d->side], d->layer, d->feature[i]);
			label[d->first + i] = its;
			if (!spelled_fits(&all, its))
				die("labels of more than %d bytes for each of %zu features",
					SPELLED, p->n);
		}
	}
	return label;
}

/* All that was read. */
struct content {
	struct page_features features;
	struct page_views views;
	struct page_nearest_list nearest;
	struct page_contexts *contexts;
	struct page_map map;
	struct labels *labels[2];
	const char **label;		/* of every feature */
};

static void write_page(struct content *c)
{
	struct page_features *p = &c->features;
	struct html h = html_begin(match_page_template);

	html_open(&h, NULL, '{');
	html_text(&h, "title", title);
	write_dictionaries(&h, p);
	html_texts(&h, "labels", c->label, p->n);
	page_views_write(&h, "views", &c->views, p);
	page_nearest_write(&h, "distances", &c->nearest, p);
	if (contexts[0].n + contexts[1].n > 0)
		page_contexts_write(&h, "contexts", c->contexts);
	if (c->map.known > 0)
		page_map_write(&h, "map", &c->map);
	html_close(&h, '}');
	html_end(&h);
}

static void check_source(const char *text)
{
	const char *slash = text ? strchr(text, '/') : NULL;

	if (text && (!slash || slash == text || !slash[1] || strchr(slash + 1, '/')))
		misuse("--source takes MODEL/SET, such as gemma-2-2b/12-gemmascope-res-16k");
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "match2html [OPTION]... [FILE]...",
		"Makes an HTML page of matchings, or of a flow, for the browser.", 1 << 20);
	struct content c = {.features.apart = contexts[1].n > 0 || label_file[1] || source[1]};

	check_source(source[0]);
	check_source(source[1]);
	page_views_read(&c.views, operand, &c.features);
	page_nearest_read(&c.nearest, &distances, near, &c.features);
	page_number(&c.features);
	c.contexts = page_contexts_read(contexts, &c.features);
	c.map = page_map_read(&points, &c.features);
	labels_open_sides(c.labels, label_file);
	c.label = find_labels(c.labels, &c.features);
	write_page(&c);
	text_close();
	page_views_free(&c.views);
	page_nearest_free(&c.nearest);
	page_contexts_free(c.contexts);
	page_map_free(&c.map);
	labels_close_sides(c.labels);
	free(c.label);
	page_features_free(&c.features);
	free(operand);
	return 0;
}
