/* What the programs share that make a matching of distances: hungarian and nearest.
 *
 *	struct distance_matching m;
 *	distance_matching_read(&m, &options, in, &header, WIDE);
 *	... m.col_of, m.paid, m.margin of each row
 *	distance_matching_list(&m, &header, "method");
 *	sm_write_header(out, &header);
 *	distance_matching_write(&m, out, &rest);
 *	distance_matching_free(&m); */
#ifndef MATCH_DISTANCE_MATCHING_H
#define MATCH_DISTANCE_MATCHING_H

#include "base/opt.h"
#include "match/pair_list.h"

struct matching_options {
	bool maximize, certified_only;
	struct limit most;		/* as given, by --max-cost */
};

#define OPT_MATCHING(o) \
	{"maximize", OPT_FLAG, &(o).maximize, NULL, \
		"take the numbers as similarities: larger is nearer", 0, 0}, \
	{"max-cost", OPT_LIMIT, &(o).most, "C", \
		"leave a row unmatched when its pair would cost more than C, or chance:P", \
		-1e30, 1e30}, \
	{"certified", OPT_FLAG, &(o).certified_only, NULL, \
		"write only pairs that sampling errors leave certain", 0, 0}

struct distance_matching {
	const struct matching_options *options;
	double ceiling;			/* the largest distance of a pair; infinite: any */
	struct distances d;		/* of similarities: their negative */
	uint32_t *col_of;		/* (rows): UNASSIGNED (assign.h): no column */
	float *paid;			/* (rows): the distance to it */
	double *margin;			/* (rows) */
	float *second;			/* (seconds), of chance.h */
	size_t seconds;
	struct pair_list pairs;
};

/* Reads the stream whose header was just read, WIDE (distances.h) or not, and makes room for what
 * will be found. */
void distance_matching_read(struct distance_matching *, const struct matching_options *,
	struct sm_reader *, const struct sm_frame *header, unsigned wide);
void distance_matching_free(struct distance_matching *);

/* Lists the pairs that were found, none above the ceiling, with their chances, and their errors and
 * verdicts where the stream has errors; says in the header how many they are. */
void distance_matching_list(struct distance_matching *, struct sm_frame *header,
	const char *method);

/* Writes frames, with what chances are from, and end mark; `rest` as in pair_list_write(). */
void distance_matching_write(const struct distance_matching *, struct sm_writer *,
	struct sm_frame *rest);

#endif
