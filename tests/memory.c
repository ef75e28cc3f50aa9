/* memory SELF MOUNT: what cgroup_limit() finds there. memory need BYTES: memory_need(). */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		misuse("two words are needed");
	if (strcmp(argv[1], "need") == 0)
		memory_need(strtod(argv[2], NULL), "another option", "%s bytes", argv[2]);
	else
		printf("%.0f\n", cgroup_limit(argv[1], argv[2]));
	return 0;
}
