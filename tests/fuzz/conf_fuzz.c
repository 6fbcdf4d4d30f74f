/*
 * Whatever a configuration file says: it is read, or refused with messages that say where; what was
 * read is copied, compared and written back as text that is read the same.
 */
#include "faults/catalogue.h"
#include "fuzz.h"
#include "model/conf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* conf_load() wants a path. */
static int make_file(const uint8_t *data, size_t size, char *path, size_t room)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_row(const struct field *f, const void *base)
{
	char text[16384], again[16384], want[512];
	struct {
		max_align_t align;
		char bytes[4096];
	} copy = { 0 };

	field_format(f, base, text, sizeof(text));
	if (!*text)
		return; /* not set */
	const char *wanted = field_parse(f, &copy, text, want, sizeof(want));
	if (wanted)
		fprintf(stderr, "%s = %s: expected %s\n", f->key, text, wanted);
	CHECK(!wanted);
	CHECK(field_equal(f, &copy, base));
	CHECK(!strcmp(text, field_format(f, &copy, again, sizeof(again))));
	field_release((const struct field[]){ *f, { .key = NULL } }, &copy);
}

static void check_table(const struct field *table, const void *base)
{
	for (; table && table->key; table++)
		check_row(table, base);
}

static void check_config(const struct config *c)
{
	check_table(settings_fields, &c->settings);
	for (size_t i = 0; i < c->n_proxies; i++) {
		struct proxy_spec *copy = proxy_spec_copy(c->proxies[i]);

		CHECK(copy && proxy_spec_equal(copy, c->proxies[i]));
		proxy_spec_free(copy);
		check_table(proxy_fields, c->proxies[i]);
	}
	for (size_t i = 0; i < c->n_faults; i++) {
		struct fault_spec *copy = fault_spec_copy(c->faults[i]);

		CHECK(copy && fault_spec_equal(copy, c->faults[i]));
		fault_spec_free(copy);
		check_table(fault_fields, c->faults[i]);
		check_table(c->faults[i]->type->params, &c->faults[i]->params);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errors = { 0 };
	struct config *c;
	char path[64];
	int fd = make_file(data, size, path, sizeof(path));

	c = conf_load(path, catalogue_types, &errors);
	CHECK(!c == (errors.count > 0));
	if (c)
		check_config(c);
	config_free(c);
	conf_errors_free(&errors);
	close(fd);
	return 0;
}
