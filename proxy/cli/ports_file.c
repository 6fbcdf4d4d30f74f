/* See ports_file.h. */
#include "cli/ports_file.h"
#include "relay/proxy.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int ports_file_write(const char *path, struct relay *relay, const char *admin)
{
	char tmp[4096], text[ADDR_TEXT_MAX];
	struct proxy *p;
	FILE *f;
	int bad;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.%ld", path, (long)getpid()) >= sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	f = fopen(tmp, "we");
	if (!f)
		return -1;
	if (admin)
		fprintf(f, "admin=%s\n", admin);
	TAILQ_FOREACH (p, &relay->proxies, in_relay)
		if (p->spec->enabled)
			fprintf(f, "%s=%s\n", p->spec->name,
			    addr_format_sa(text, sizeof(text), &p->bound.sa));
	bad = ferror(f);
	if (fclose(f) || bad || rename(tmp, path)) {
		unlink(tmp);
		return -1;
	}
	return 0;
}
