/* Scales the activations of a stream: first-filter --by 0.5 <a >b */
#include <semot/stream.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "usage: first-filter [--by C] [FILE]\n"
	"Multiplies every activation of a stream by C.";

static float by = 1;

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"by", required_argument, NULL, 'b'}, {"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}
	};
	char *end = "";

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'h' || c == 'v') {
			puts(c == 'h' ? usage : "first-filter 1");
			if (fclose(stdout) == 0)
				exit(0);
			perror("first-filter: stdout");
			exit(1);
		}
		if (c == 'b')
			by = strtof(optarg, &end);
		if (*end)
			fputs("first-filter: --by takes a number\n", stderr);
		if (c == '?' || *end)
			exit(2);
	}
}

static void scale(struct sm_reader *in, struct sm_writer *out, struct sm_frame *frame)
{
	size_t n = SM_ANY;
	const float *value = sm_want(in, frame, "value", SM_F4, &n);
	float *scaled = malloc(n * sizeof *scaled + 1);

	if (!scaled)
		sm_bad(in, "out of memory");
	for (size_t i = 0; i < n; i++)
		scaled[i] = by * value[i];
	sm_set_tensor(frame, "value", SM_F4, scaled, n);
	sm_write_frame(out, frame);
	free(scaled);
}

int main(int argc, char **argv)
{
	struct sm_frame header = {0}, frame = {0};

	read_options(argc, argv);
	struct sm_reader *in = sm_reader_open(argv[optind]);
	struct sm_writer *out = sm_writer_open("first-filter", "1", (const char *const *)argv + 1);
	while (sm_read_header(in, &header)) {
		sm_want_kind(in, &header, "activations");
		sm_write_header(out, &header);
		while (sm_read_frame(in, &frame))
			scale(in, out, &frame);
		sm_write_end(out);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	sm_frame_free(&frame);
	return 0;
}
