/* Prints the table of the files that hold SAEs, as the page sae(5) has it. */
#include "file/sae_dialect.h"

int main(void)
{
	sae_dialects_print(stdout);
	return 0;
}
