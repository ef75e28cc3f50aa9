/* Activations to distributions: for every feature a bounded weighted sample of the tokens that
 * express it. */
#include "base/die.h"
#include "base/opt.h"
#include "base/progress.h"
#include "stream/sampler.h"

#include <stdlib.h>

enum { FEATURES_MOST = 1 << 26, POWER_MOST = 4 };

static struct sampling how = {.support = 256, .select = SELECT_COORDINATED, .power = 2,
	.min_count = 5};

static const struct opt options[] = {
	{"support", OPT_SIZE, &how.support, "K", "keep at most K tokens per feature", 1, 1 << 20},
	{"select", OPT_CHOICE, &how.select, "coordinated|top|random",
		"how tokens are chosen", 0, 0},
	{"power", OPT_REAL, &how.power, "Q", "weigh a token by its activation to the power of Q",
		0, POWER_MOST},
	{"seed", OPT_SIZE, &how.seed, "S", "seed of the random numbers", 0, 9e18},
	{"min-count", OPT_SIZE, &how.min_count, "N",
		"leave out features that fire on fewer than N tokens", 1, UINT32_MAX},
	OPT_PROGRESS, OPT_END
};

/* Of the features that were asked for, those that fire too rarely: said, and in the header. */
static void describe(struct sm_reader *in, struct sm_frame *header, size_t left)
{
	const char *all = sm_find_field(header, "picked") ? "picked" : "features";
	size_t asked = sm_want_size(in, header, all);
	size_t dropped = asked > left ? asked - left : 0;

	if (dropped > 0)
		note("%s: layer %s: %zu of %zu features fire on fewer than %zu tokens "
			"and are left out",
			sm_reader_name(in), sm_get_string(header, "layer", ""), dropped, asked,
			how.min_count);
	sm_set_string(header, "kind", "distributions");
	sm_set_integer(header, "support", (int64_t)how.support);
	sm_set_string(header, "select",
		(const char *[]){"coordinated", "top", "random"}[how.select]);
	sm_set_real(header, "power", how.power);
	sm_set_integer(header, "seed", (int64_t)how.seed);
	sm_set_integer(header, "left_out", (int64_t)dropped);
}

static void sample(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	struct sm_frame frame = {0};

	sm_want_kind(in, header, "activations");
	size_t features = sm_want_size(in, header, "features");
	if (features > FEATURES_MOST)
		sm_bad(in, "%zu features: the limit is %d", features, FEATURES_MOST);
	struct sampler *s = sampler_open(features, sm_get_string(header, "layer", ""), how);
	progress_begin(sm_get_size(header, "tokens"), "tokens");
	while (sm_read_frame(in, &frame))
		progress_to(sampler_add(s, in, &frame));
	progress_end();
	describe(in, header, features - sampler_leave_out(s, in));
	sm_write_header(out, header);
	sampler_write(s, out);
	sm_write_end(out);
	sampler_close(s);
	sm_frame_free(&frame);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "featdist [OPTION]... [FILE]",
		"Keeps a bounded weighted sample of the tokens that express each feature.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		sample(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
