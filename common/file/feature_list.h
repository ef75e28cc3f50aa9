/* A list of features, each named by its layer and its index. */
#ifndef FILE_FEATURE_LIST_H
#define FILE_FEATURE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listed_feature {
	char *layer;
	uint32_t feature;
	bool asked, found;		/* by feature_list_layer() and feature_list_find() */
};

/* {0} is an empty list. Once it is sorted, each feature stands in it once. */
struct feature_list {
	struct listed_feature *item;
	size_t n, room;
};

void feature_list_add(struct feature_list *, const char *layer, uint32_t feature);
/* LAYER:FEATURE[,LAYER:FEATURE]...; the last colon ends a layer's name. Anything else is
 * misuse(). */
void feature_list_add_words(struct feature_list *, const char *words);
/* A table of layers and indices; further cells are ignored. */
void feature_list_add_table(struct feature_list *, const char *path);
void feature_list_sort(struct feature_list *);
void feature_list_free(struct feature_list *);

/* Those of one layer, which are part of the sorted list. */
struct feature_list feature_list_layer(struct feature_list *, const char *layer);
/* Is this feature of the layer in its list? */
bool feature_list_find(struct feature_list *, uint32_t feature);
/* Finds those below `features`, all of its layer's dictionary; returns how many they are. */
size_t feature_list_find_below(struct feature_list *, size_t features);
/* Ends the program, with the name of the input in its line, unless each feature has been found: in
 * a pair, where the input has pairs. */
void feature_list_check_found(const struct feature_list *, const char *input, bool pairs);
/* The same for a list in a file, of which some features may be absent: see absent_tell(). */
void feature_list_tell_absent(const struct feature_list *, const char *list, const char *where,
	bool any);

/* Features that a file names, and how many of them are absent; {0} at first. */
struct absent {
	size_t named, n;
	const char *layer;		/* of the first that is: a pointer to the caller's text */
	uint32_t feature;
};

void absent_count(struct absent *, const char *layer, uint32_t feature, bool found);
/* Says how many are absent `where`; ends the program when all are, though there are `any` data. */
void absent_tell(const struct absent *, const char *file, const char *where, bool any);

#endif
