#include "lib/deep.h"

const char *name(void)
{
	return "world";	// TODO: ask
}
