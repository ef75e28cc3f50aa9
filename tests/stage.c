/* A stage between three and four features at distances 10 i + j, of which two are not found: it has
 * to end with a line that names the first of them. */
#include "base/die.h"
#include "distance/stage.h"

#include <math.h>
#include <stdlib.h>

static struct stage_options asked;
static const struct opt options[] = {OPT_TOP(&asked), OPT_THREADS, OPT_END};

static double distance(const void *context, void *workspace, size_t i, size_t j)
{
	(void)context, (void)workspace;
	return (i == 1 && j == 3) || (i == 2 && j == 0) ? NAN : (double)(10 * i + j);
}

int main(int argc, char **argv)
{
	static const char *layer[] = {"7", "7", "7", "7"};
	static const uint32_t feature[] = {40, 41, 42, 43};
	char **operand = opt_parse(argc, argv, options, "stage [OPTION]...",
		"A stage that fails.", 0);
	struct stage stage = {.row = {.n = 3, .layer = layer, .feature = feature},
		.col = {.n = 4, .layer = layer, .feature = feature},
		.asked = asked, .pair = distance};
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	stage_write(out, &header, &stage);
	sm_writer_close(out);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
