#include <stdio.h>
#include "lib/deep.h"

/* TODO: take the name from the command line. */
int main(void)
{
	printf("Hello, %s!\n", name());
	return 0; /* done */
}
